"""The part of scikit-learn's transformer contract that needs no scikit-learn: parameters, tags, pipelines."""

from importlib import import_module
from inspect import signature
from typing import Any

from ...errors import SettingError, unknown


class Transformer:
    """fit_transform, get_params, set_params and tags for a class whose __init__ only stores its parameters."""

    def fit_transform(self, X: Any, y: Any = None, **others: Any) -> Any:
        """Fit to X, then transform it.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows.
        y : object, optional
            Not used; it is there for pipelines.
        **others : object
            Not used; they are there for pipelines.

        Returns
        -------
        array of shape (rows, width), or data frame
            What `transform` gives.
        """
        return self.fit(X, y).transform(X)  # type: ignore[attr-defined]

    def set_output(self, *, transform: str | None = None) -> Any:
        """Set what `transform` gives.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default None
            "default" is an array, "pandas" and "polars" a data frame with named columns; None leaves it as it is.

        Returns
        -------
        TableEncoder
            The encoder itself.

        Raises
        ------
        SettingError
            If the output is none of these.
        """
        if transform not in (None, "default", "pandas", "polars"):
            raise SettingError(
                f"{type(self).__name__}: {unknown('output', transform, ['default', 'pandas', 'polars'])}"
            )
        self._output = self._output if transform is None else transform
        return self

    _output = "default"

    def framed(self, x: Any, index: Any = None) -> Any:
        """Give the matrix as `set_output` asked for it.

        Parameters
        ----------
        x : array of shape (rows, width)
            The matrix.
        index : object, optional
            The names of the rows of a pandas data frame.

        Returns
        -------
        array of shape (rows, width), or data frame
            The same numbers.
        """
        if self._output == "default":
            return x
        names = [str(name) for name in self.get_feature_names_out()]  # type: ignore[attr-defined]
        if self._output == "pandas":
            return import_module("pandas").DataFrame(x, columns=names, index=index)
        return import_module("polars").DataFrame(x, schema=names)

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in signature(cls).parameters]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the parameters by name.

        Parameters
        ----------
        deep : bool, default True
            Not used; it is there for scikit-learn.

        Returns
        -------
        dict of str to object
            The parameters as they were given.
        """
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Any:
        """Change parameters.

        Parameters
        ----------
        **params : object
            New values by name.

        Returns
        -------
        TableEncoder
            The encoder itself.

        Raises
        ------
        SettingError
            If a name is none of a parameter.
        """
        for name, value in params.items():
            if name not in self._names():
                raise SettingError(f"{type(self).__name__}: {unknown('parameter', name, self._names())}")
            setattr(self, name, value)
        return self

    def check_fitted(self) -> None:
        """Raise scikit-learn's NotFittedError, where it is installed, unless fit was called."""
        if hasattr(self, "columns_"):
            return
        text = f"This {type(self).__name__} instance is not fitted yet. Call 'fit' before using it."
        try:
            from sklearn.exceptions import NotFittedError
        except ImportError:
            raise SettingError(text) from None
        raise NotFittedError(text)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "columns_")

    def __sklearn_tags__(self) -> Any:
        """The tags that scikit-learn asks of an estimator."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        tags = InputTags(two_d_array=True, categorical=True, string=True, allow_nan=True, sparse=False)
        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=tags,
        )

    def __repr__(self) -> str:
        default = {name: p.default for name, p in signature(type(self)).parameters.items()}
        given = [f"{name}={value!r}" for name, value in self.get_params().items() if value != default[name]]
        return f"{type(self).__name__}({', '.join(given)})"
