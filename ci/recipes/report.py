"""The results in Markdown: every table, ranks, gaps to each rival with their errors, seconds, and what was chosen."""

import statistics

from rivals import NETWORKS, RIVALS

FIGURES = ("skill", "accuracy", "AUC", "fit", "predict")
SKILL, ACCURACY, AUC, FIT, PREDICT = range(5)
SIZES = (("to 1,000", 0, 1_000), ("to 10,000", 1_000, 10_000), ("above", 10_000, 10**9))


def report(found, about):
    """The whole page."""
    test, sizes = found["test"], found["tables"]
    who = everyone(test)
    text = ["# nnx's estimators for tables beside their rivals", "", *quoted(about), ""]
    if found["versions"]:
        text += ["Versions: " + ", ".join(f"{name} {v}" for name, v in found["versions"].items()) + ". One thread.", ""]
    for name, own in found["settings"].items():  # of candidates
        text += [f"{name}: " + ", ".join(f"{k}={v!r}" for k, v in own.items()), ""]
    if who:
        text += ["## Ranks", "", *ranks(test, who), ""]
    for our in (w for w in who if w not in RIVALS):
        if rows := gaps(test, our, [w for w in who if w != our]):
            text += [f"## {our}, minus each other", "", *rows, ""]
    if who:
        text += ["## CPU seconds", "", *seconds(test, who), ""]
        for figure, name in ((SKILL, "Skill"), (ACCURACY, "Accuracy"), (AUC, "AUC")):
            text += [f"## {name}: mean over the splits", "", *each(test, sizes, who, figure), ""]
    if rows := gains(found["choice"], sizes):
        text += ["## Chosen by: gain over the default on held out training rows, the same splits", "", *rows, ""]
    return "\n".join(text)


def quoted(about):
    """The paragraphs of the script's text that speak of what was measured."""
    return [" ".join(part.split()) + "\n" for part in about.split("\n\n")[3:5]]


def everyone(part):
    """Who was measured, nnx first."""
    known = dict.fromkeys(name for runs in part.values() for name in runs)
    return [*(n for n in known if n not in RIVALS), *(n for n in RIVALS if n in known)]


def values(part, table, who, figure, seeds=None):
    """{seed: figure}, of these seeds alone where they are given."""
    runs = part[table].get(who, {})
    found = {s: run[figure] for s, run in runs.items() if isinstance(run, list) and run[figure] is not None}
    return found if seeds is None else {s: v for s, v in found.items() if s in seeds}


def pairs(part, a, b, figure):
    """{table: the mean of a - b over the splits that both were measured on}."""
    found = {}
    for table in part:
        left, right = values(part, table, a, figure), values(part, table, b, figure)
        if common := left.keys() & right.keys():
            found[table] = statistics.fmean(left[s] - right[s] for s in common)
    return found


def mean_ranks(part, field, figure, seeds=None):
    """{who: (mean rank, tables)} of the field; equals share a rank. Who lacks a table is not ranked on it."""
    found = {who: [] for who in field}
    for table in part:
        runs = {w: v for w in field if (v := values(part, table, w, figure, seeds))}
        common = set.intersection(*map(set, runs.values())) if runs else set()
        if len(runs) < 2 or not common:
            continue
        means = {w: statistics.fmean(v[s] for s in common) for w, v in runs.items()}
        for who, mean in means.items():
            better = sum(other > mean for other in means.values())
            equal = sum(other == mean for other in means.values())
            found[who].append(better + (equal + 1) / 2)
    return {who: (statistics.fmean(r), len(r)) for who, r in found.items() if r}


def ranks(test, who):
    """Each of nnx's among the rivals, and the rivals among themselves and the first of nnx's."""
    ours, rivals = [w for w in who if w not in RIVALS], [w for w in who if w in RIVALS]
    lines = [
        "Mean rank among the rivals and one of nnx's (the rivals beside the first of nnx's). All splits: without "
        + f"{' and '.join(NETWORKS)}. First split: tables of up to 10,000 rows, with them.",
        "",
        "| | loss | accuracy | AUC | tables | loss, first split | accuracy, first split | tables |",
        "|---" * 8 + "|",
    ]
    steady = [w for w in rivals if w not in NETWORKS]
    small = {t: runs for t, runs in test.items() if any(n in runs for n in NETWORKS)}
    for name in who:
        first = [name] if name in ours else ours[:1]
        cells = []
        for figure in (SKILL, ACCURACY, AUC):
            cells.append(mean_ranks(test, first + steady, figure).get(name, ("", ""))[0])
        cells.append(mean_ranks(test, first + steady, SKILL).get(name, ("", ""))[1])
        for figure in (SKILL, ACCURACY):
            cells.append(mean_ranks(small, first + rivals, figure, {"0"}).get(name, ("", ""))[0])
        cells.append(mean_ranks(small, first + rivals, SKILL, {"0"}).get(name, ("", ""))[1])
        cells = [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def error(found):
    """A mean over the tables, and its standard error."""
    mean = statistics.fmean(found)
    return f"{mean:+.4f} ± {statistics.stdev(found) / len(found) ** 0.5:.4f}" if len(found) > 1 else f"{mean:+.4f}"


def gaps(part, our, others):
    """Ours minus each other: over the tables, paired by split."""
    head = "| minus | skill | better on | accuracy | better on | AUC | fit, CPU s: ours | theirs | ratio |"
    lines = [head, "|---" * 9 + "|"]
    for other in others:
        found = [list(pairs(part, our, other, figure).values()) for figure in (SKILL, ACCURACY, AUC)]
        if not found[0]:
            continue
        cells = []
        for figure, gap in zip((SKILL, ACCURACY, AUC), found, strict=True):
            cells.append(error(gap) if gap else "")
            if figure != AUC:
                cells.append(f"{sum(g > 0 for g in gap)} of {len(gap)}" if gap else "")
        mine, theirs = (summed(part, our, other), summed(part, other, our))
        lines.append(
            f"| {other} | " + " | ".join([*cells, f"{mine:.0f}", f"{theirs:.0f}", f"{mine / theirs:.2f}"]) + " |"
        )
    return lines if len(lines) > 2 else []


def summed(part, who, beside, figure=FIT):
    """Seconds of who, summed over the tables, the mean over the splits that both were measured on."""
    total = 0.0
    for table in part:
        own, other = values(part, table, who, figure), values(part, table, beside, figure)
        if common := own.keys() & other.keys():
            total += statistics.fmean(own[s] for s in common)
    return total


def seconds(test, who):
    """Of fitting and predicting, summed over the tables."""
    lines = ["| | tables | fit, sum | fit, median | predict, sum | no result |", "|---" * 6 + "|"]
    for name in who:
        fits = [statistics.fmean(v.values()) for t in test if (v := values(test, t, name, FIT))]
        predictions = [statistics.fmean(v.values()) for t in test if (v := values(test, t, name, PREDICT))]
        none = {t: run for t in test for run in test[t].get(name, {}).values() if isinstance(run, str)}
        cells = [str(len(fits)), f"{sum(fits):.0f}", f"{statistics.median(fits):.2f}" if fits else ""]
        cells += [f"{sum(predictions):.1f}", "; ".join(f"{t} ({why})" for t, why in none.items())]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def each(test, sizes, who, figure):
    """A row for each table, the best in bold, and the mean of those that everyone has."""
    lines = ["| table | rows | columns | classes | splits | " + " | ".join(who) + " |", "|---" * (5 + len(who)) + "|"]
    whole = []
    for table in (t for t in sizes if t in test):
        means = {w: statistics.fmean(v.values()) for w in who if (v := values(test, table, w, figure))}
        if not means:
            continue
        best = max(means.values())
        if len(means) == len(who):
            whole.append(means)
        cells = [f"{means[w]:.3f}" if w in means else "" for w in who]
        cells = [f"**{cell}**" if means.get(w) == best else cell for w, cell in zip(who, cells, strict=True)]
        splits = max(len(values(test, table, w, figure)) for w in who)
        rows, columns, classes = sizes[table]
        lines.append(f"| {table} | {rows:,} | {columns} | {classes or ''} | {splits} | " + " | ".join(cells) + " |")
    if whole:
        cells = [f"{statistics.fmean(m[w] for m in whole):.3f}" for w in who]
        lines.append(f"| mean of {len(whole)} that all have | | | | | " + " | ".join(cells) + " |")
    return lines


def gains(choice, sizes):
    """What each candidate gains over the default, the best first, by the size of the table."""
    found = []
    for candidate in (c for c in everyone(choice) if c != "default"):
        skill, accuracy = (pairs(choice, candidate, "default", figure) for figure in (SKILL, ACCURACY))
        for group, low, high in (("all", 0, 10**9), *SIZES):
            inside = {t: gain for t, gain in skill.items() if low < sizes[t][0] <= high}
            if not inside:
                continue
            right = [gain for t, gain in accuracy.items() if t in inside]
            worst = min(inside, key=inside.get)
            part = {t: choice[t] for t in inside}
            ratio = summed(part, candidate, "default") / summed(part, "default", candidate)
            cells = [candidate, group, error(list(inside.values())), f"{sum(g > 0 for g in inside.values())}"]
            cells[-1] += f" of {len(inside)}"
            cells += [f"{worst} {inside[worst]:+.3f}", error(right) if right else "", f"{ratio:.2f}"]
            found.append((group != "all", low, -statistics.fmean(inside.values()), "| " + " | ".join(cells) + " |"))
    head = "| candidate | rows | skill | better on | worst | accuracy | fit, CPU s over the default's |"
    return [head, "|---" * 7 + "|", *(line for *_, line in sorted(found))] if found else []
