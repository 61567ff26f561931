"""The names of the array API standard that nnx needs of a namespace: those that its parts ask for.

float64 is not among them: a library without it computes in float32.
"""

NEEDED = (
    *("__array_namespace_info__", "abs", "all", "arange", "asarray", "astype", "broadcast_to", "concat"),
    *("cos", "exp", "expm1", "float32", "floor", "full", "full_like", "int16", "int32", "int8", "isdtype", "isfinite"),
    *("log1p", "matmul", "matrix_transpose", "max", "maximum", "mean", "min", "minimum", "ones", "ones_like"),
    *("permute_dims", "reshape", "sign", "sin", "sqrt", "stack", "sum", "take", "tanh", "uint16", "uint8"),
    *("where", "zeros", "zeros_like"),
)
