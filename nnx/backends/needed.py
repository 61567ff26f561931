"""The names of the array API standard that nnx needs of a namespace: those that its parts ask for.

float64 is not among them: a library without it computes in float32.
"""

NEEDED = (
    *("__array_namespace_info__", "abs", "all", "any", "arange", "argmax", "argsort", "asarray", "astype"),
    *("broadcast_arrays", "broadcast_to", "concat", "cos", "cumulative_sum", "exp", "expm1"),
    *(
        "flip",
        "float32",
        "floor",
        "full",
        "full_like",
        "int16",
        "int32",
        "int8",
        "isdtype",
        "isfinite",
        "log1p",
        "matmul",
    ),
    *("matrix_transpose", "max", "maximum", "mean", "min", "minimum", "ones", "ones_like", "permute_dims"),
    *("reshape", "searchsorted", "sign", "sin", "sort", "sqrt", "stack", "sum", "take", "tanh", "uint16"),
    *("uint8", "unique_values", "where", "zeros", "zeros_like"),
)
