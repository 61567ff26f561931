"""What the columns of a text file are, from the guesses about all of them; with notes and refusals for the user."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from shlex import quote

from ..reading import Reading
from .cells import FALSE, GAPS, TRUE, missing_option, parted
from .dates import day_first, likelier, order
from .infer import Guess
from .numbers import CURRENCIES, Form
from .trials import MOSTLY, Trial

BARE = ("number", "date", "time", "duration")  # kinds whose form is found where the user names one without it
FEW = 10  # so many different numbers, or fewer, among letters are codes
DAYS = 20  # rows from which whole numbers such as 20261121 are dates
NONE = f"{'|'.join(map(re.escape, GAPS))}|[-0/.: ]*|[-+]?inf(inity)?"  # what is no value among numbers or dates
LONGEST = 400  # characters of a kind


@dataclass(frozen=True)
class Marks:
    """What the columns of a file have in common, as far as it is known."""

    decimal: str  # the decimal mark
    thousands: str
    certain: bool  # the decimal mark was given, or some column leaves no doubt
    doubtful: bool  # columns are parted by ;, as where the decimal mark is a comma
    day_first: bool | None


def guesses_for(columns: list[str], kinds: Mapping[str, str]) -> dict[str, Guess]:
    """A guess for each column whose kind is not given, or given without its form."""
    found = {}
    for name in columns:
        base, form, gaps = parted(kinds.get(name, "number"))
        if base in BARE and not form:
            found[name] = Guess(tuple(gap for gap in gaps if gap != "*"))
    return found


def settle(
    guesses: Mapping[str, Guess], reading: Reading, where: Callable[[int], str], asked: Mapping[str, str]
) -> tuple[dict[str, str], list[str], dict[str, str]]:
    """The kind of each column, notes for the user, and what is wrong with a column.

    where: the place of a row. asked: kinds that the user gave; of those without a form it is found.
    """
    marks = _marks(guesses, reading)
    kinds, notes, faults = {}, list[str](), {}
    for name, guess in guesses.items():
        kind, note, fault = (
            _asked(asked[name], guess, marks) if name in asked else _Column(name, guess, marks, where).kind()
        )
        kinds[name] = kind
        notes += [note] if note else []
        if fault:
            faults[name] = fault
    return kinds, notes, faults


def _marks(guesses: Mapping[str, Guess], reading: Reading) -> Marks:
    decimals, orders = set(), set()
    for guess in guesses.values():
        numbers = guess.best("number")
        own = {_form(trial).decimal for trial in numbers}
        if guess.marked and len(own) == 1 and numbers[0].fits >= MOSTLY * guess.filled:
            decimals |= own
        days = {day_first(trial.form) for trial in guess.best("date")}
        orders |= days if len(days) == 1 else set()
    thousands = reading.thousands.replace("none", "").replace("space", " ")
    orders.discard(None)
    order = orders.pop() if len(orders) == 1 else None
    if reading.decimal == "," or decimals == {","}:
        return Marks(",", thousands, True, False, order)
    return Marks(".", thousands, "." in decimals, reading.delimiter == ";", order)


def _form(trial: Trial) -> Form:
    return Form.of(trial.form) if trial.form else Form()


def _number(guess: Guess, marks: Marks) -> tuple[Trial, Trial | None]:
    """The best way to read a column's numbers, and another that reads as many cells with another value.

    Of amounts of money of which some have no mark and all others three digits behind one, it parts thousands.
    """
    best = guess.best("number")

    def rank(trial: Trial) -> tuple[bool, bool, bool, bool]:
        form = _form(trial)
        money = guess.marked and guess.bare and form.thousands != "" and form.unit in CURRENCIES
        return not money, form.decimal != marks.decimal, form.thousands != marks.thousands, trial.form != ""

    best.sort(key=rank)
    others = [trial for trial in best if _form(trial).decimal != _form(best[0]).decimal]
    return best[0], others[0] if others and guess.marked else None


def _date(guess: Guess, marks: Marks) -> tuple[Trial, Trial | None]:
    """The best way to read a column's dates, and another that reads as many cells with another value."""
    most = max(guess.best("date", "time", "duration"), key=lambda trial: trial.fits).fits
    best = [t for base in ("date", "time", "duration") for t in guess.best(base) if t.fits == most]
    best = [trial for trial in best if trial.base == best[0].base]
    if len(best) > 1:
        first = likelier(best[0].form) if marks.day_first is None else marks.day_first
        best.sort(key=lambda trial: (day_first(trial.form) is None, day_first(trial.form) != first))
    return best[0], best[1] if len(best) > 1 and marks.day_first is None else None


def _asked(kind: str, guess: Guess, marks: Marks) -> tuple[str, str, str]:
    """The kind that the user named, with the form that most cells have."""
    base, _, gaps = parted(kind)
    if base == "date" and guess.whole and guess.whole == guess.filled:
        form = "%Y%m%d" if guess.days else "%s"
    elif not guess.best(base):
        return kind, "", ""
    else:
        trial, _ = (_number if base == "number" else _date)(guess, marks)
        form = trial.form if trial.base == base and 2 * trial.fits >= guess.filled else ""
    return "|".join((f"{base}:{form}" if form else base, *gaps)), "", ""


@dataclass(frozen=True)
class _Column:
    name: str
    guess: Guess
    marks: Marks
    where: Callable[[int], str]

    def kind(self) -> tuple[str, str, str]:
        """The kind, a note or "", and a fault or ""."""
        guess = self.guess
        if guess.filled == 0:
            return "number", "", ""
        if guess.days and guess.whole >= DAYS and guess.whole == guess.filled:
            note = f"column {self.name!r} is read as dates such as 20261121; as numbers: {self.say('number')}"
            return "date:%Y%m%d", note, ""
        if guess.words and _truths(guess.words):
            return "boolean", "", ""
        number = guess.best("number")
        date = guess.best("date", "time", "duration")
        most, fits = max((trial.fits for trial in date), default=0), number[0].fits if number else 0
        timed = fits == most and all(len(_form(trial).unit) > 1 for trial in number)  # 90 min
        if fits and fits >= most and not timed:
            return self.number()
        return self.date() if most else ("text", "", "")

    def say(self, kind: str) -> str:
        """The option that gives this kind."""
        return f"--kind {quote(f'{self.name}={kind}')}"

    def number(self) -> tuple[str, str, str]:
        """The kind of a column in which most that can be read are numbers."""
        trial, other = _number(self.guess, self.marks)
        if self.guess.zeros and not self.guess.marked and trial.kind in ("number", "number:."):
            row, text = self.guess.zeros
            what = f"column {self.name!r} holds digits with zeros before them ({text[:20]!r}, {self.where(row)})"
            return "text", f"{what}, taken as text; if they are numbers: {self.say('number')}", ""
        kind, note, fault = self.gaps(trial)
        if kind == trial.kind and not note:
            note = self.doubt(trial, other)
        return kind, note, fault

    def doubt(self, trial: Trial, other: Trial | None) -> str:
        """A note on numbers that could be read otherwise."""
        form, name = _form(trial), self.name
        plain = not form.thousands and form.decimal == "."
        doubtful = not self.marks.certain or form.decimal != self.marks.decimal
        if other is not None and doubtful and (not plain or self.marks.doubtful):
            mark = form.thousands or form.decimal
            what = "between thousands" if form.thousands else "as the decimal mark"
            return f"column {name!r} is read with {mark} {what}; if that is wrong: {self.say(other.kind)}"
        if form.unit == "%" and trial.signs < trial.fits:
            n = f"{trial.signs:,} of its {trial.fits:,} numbers"
            return f"column {name!r} has % behind {n}: these are divided by 100; to keep it: {self.say('text')}"
        return ""

    def date(self) -> tuple[str, str, str]:
        """The kind of a column in which most that can be read are dates, times or durations."""
        trial, other = _date(self.guess, self.marks)
        kind, note, fault = self.gaps(trial)
        if other is not None and kind == trial.kind and not note:
            what = f"column {self.name!r} is read as {order(trial.form)}"
            note = f"{what}; if it is {order(other.form)}: {self.say(other.kind)}"
        return kind, note, fault

    def gaps(self, trial: Trial) -> tuple[str, str, str]:
        """The kind with the texts that stand among the numbers as gaps; text, or a fault, where they are too many."""
        guess, name, strays = self.guess, self.name, trial.strays
        bad = guess.filled - trial.fits
        what = "numbers" if trial.base == "number" else f"{trial.base}s"
        if bad == 0:
            return trial.kind, "", ""
        if 2 * trial.fits < guess.filled or not strays:
            return "text", "", ""
        many = trial.fits >= MOSTLY * guess.filled
        known = all(re.fullmatch(NONE, text.strip().lower()) for text in strays)
        alone = len(strays) == 1 and guess.distinct > FEW
        kind = "|".join((trial.kind, *(text.strip() for text in strays)))
        writable = len(kind) <= LONGEST and not any("|" in text for text in strays)
        impossible = trial.base == "date" and any(
            re.match(r"\d+[-/. ]\d+[-/. ]\d+", t) and t.strip("0-/.: ") for t in strays
        )
        text, (_, row) = next(iter(strays.items()))
        if trial.few and (many or known or alone) and writable and not impossible:
            more = f" and {len(strays) - 1} other text{'s' * (len(strays) > 2)}" if len(strays) > 1 else ""
            cells = f"{bad:,} cell{'s' * (bad > 1)}"
            place = self.where(row)
            note = f"column {name!r} holds {what}, and {text[:30]!r}{more} in {cells} ({place}), taken as missing"
            option = missing_option(*islice(strays, 4)) if len(strays) < 4 else ""
            as_by = f" as by {option}" if option else ""
            return kind, f"{note}{as_by}; to keep it: {self.say('text')}", ""
        if many:
            cells = f"in {bad:,} of its cells" if bad > 1 else "in one cell"
            option = missing_option(text)
            hint = f"{option}{', ' * bool(option)}{self.say(trial.kind + '|*')} or {self.say('text')}"
            fault = f"{self.where(row)}: column {name!r} holds {what} but {text[:30]!r} here, {cells} not a "
            return "drop", "", f"{fault}{what[:-1]}; mend it, or {hint}"
        return "text", "", ""


def _truths(words: set[str]) -> bool:
    """True for words of which not all say the same, unless there is but one."""
    return len(words) == 1 or (bool(words & {*TRUE}) and bool(words & {*FALSE}))
