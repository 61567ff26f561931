"""Names of torch, keras, optax, flax, scikit-learn and their like, and what is meant by them here."""

# A name here, and what it is called elsewhere; the first line with a name that will do counts.
SAME = """
Dense: Linear FullyConnected fc LazyLinear nn.Linear
Chain: Sequential Model Functional Pipeline Net MLPNet
Layer: Module LightningModule Block
Residual: Add SkipConnection ResidualBlock ResNet
Concat: Concatenate Merge Cat
BatchNorm: BatchNorm1d BatchNorm2d BatchNormalization
LayerNorm: LayerNormalization
RMSNorm: RMSNormalization
Dropout: Dropout1d Dropout2d SpatialDropout1D SpatialDropout2D AlphaDropout
Conv1D: Convolution1D SeparableConv1D
Conv2D: Convolution2D Convolution Conv SeparableConv2D DepthwiseConv2D
MaxPool: MaxPool1d MaxPool2d MaxPooling1D MaxPooling2D AdaptiveMaxPool2d
AvgPool: AvgPool1d AvgPool2d AveragePooling1D AveragePooling2D MeanPool
GlobalPool: GlobalAvgPool GlobalAveragePooling1D GlobalAveragePooling2D AdaptiveAvgPool1d AdaptiveAvgPool2d
Flatten: ravel
GroupNorm: GroupNormalization InstanceNorm InstanceNorm1d InstanceNorm2d
SqueezeExcite: SqueezeExcitation SEBlock SELayer SEModule se_block ChannelAttention
Reshape: Unflatten
Rescale: Rescaling Normalization
RandomFlip: RandomHorizontalFlip RandomVerticalFlip HorizontalFlip
RandomShift: RandomTranslation RandomCrop RandomAffine
Cutout: RandomErasing CoarseDropout
read_images: ImageFolder image_dataset_from_directory
MonotoneDense: MonotonicLinear MonoDense MonotonicDense
TokenEmbedding: token_embedding EmbeddingBag
LearnedPositions: PositionalEncoding PositionEmbedding positional_embedding
MultiHeadAttention: MultiheadAttention MultiHeadDotProductAttention SelfAttention Attention attention
Masked: Masking
GRU: GRUCell GRULayer gru
transformer_block: Transformer TransformerEncoder TransformerEncoderLayer TransformerBlock
monotone_mlp: MonotonicNN LipschitzMonotonicNetwork SmoothMinMax
SiLU: swish hardswish
LeakyReLU: lrelu
Sigmoid: logistic sigm
GELUTanh: gelu_new gelu_approximate
Identity: linear none passthrough
SoftmaxCrossEntropy: CrossEntropy CrossEntropyLoss categorical_crossentropy ce NLLLoss nll nll_loss log_loss softmax
SoftmaxCrossEntropy: sparse_categorical_crossentropy xent multi_logloss softmax_cross_entropy_with_logits
SoftmaxCrossEntropy: softmax_cross_entropy_with_integer_labels cross_entropy_loss sparse_cross_entropy
BinaryCrossEntropy: bce BCELoss BCEWithLogitsLoss binary_crossentropy bce_with_logits logloss binary_logloss
BinaryCrossEntropy: sigmoid_cross_entropy sigmoid_binary_cross_entropy binary_cross_entropy_with_logits bce_loss
SquaredError: mse MSELoss mean_squared_error MeanSquaredError l2 L2Loss squared_loss square_loss least_squares rmse
AbsoluteError: mae L1Loss l1 mean_absolute_error MeanAbsoluteError absolute_loss
Huber: SmoothL1Loss smooth_l1 HuberLoss huber_loss
Poisson: PoissonNLLLoss poisson_loss
Quantile: pinball pinball_loss QuantileLoss
accuracy: acc accuracy_score binary_accuracy categorical_accuracy sparse_categorical_accuracy
r2: r2_score R2Score
balanced_accuracy: balanced_accuracy_score bac
f1: f1_score macro_f1 f1_macro F1 F1Score
log_loss: logloss neg_log_loss
roc_auc: auc AUC auroc AUROC roc_auc_score roc_auc_ovr
root_mean_squared_error: rmse RMSE
mean_squared_error: mse
mean_absolute_error: mae
Adam: Nadam RAdam Adamax amsgrad optimizer
SGD: GradientDescent gd
Adagrad: Adadelta
RMSProp: rms
Momentum: sgd_momentum
Cosine: CosineAnnealingLR CosineDecay cosine_decay_schedule warmup_cosine_decay_schedule
StepDecay: StepLR MultiStepLR step piecewise_constant_schedule
ExponentialDecay: ExponentialLR exponential_decay
OneCycle: OneCycleLR one_cycle
PeriodicCosine: CosineAnnealingWarmRestarts
ClipNorm: clip_grad_norm_ clip_by_global_norm clip_grad_norm gradient_clip
ClipValue: clip_grad_value_ clip
WeightDecay: add_decayed_weights L2Regularizer
EMA: ExponentialMovingAverage ModelEma
SWA: AveragedModel StochasticWeightAveraging
Checkpoint: ModelCheckpoint
TensorBoardLogger: TensorBoard SummaryWriter
GlorotUniform: xavier_uniform xavier_uniform_ glorot
GlorotNormal: xavier_normal xavier_normal_
HeUniform: kaiming_uniform kaiming_uniform_
HeNormal: kaiming_normal kaiming_normal_
Normal: RandomNormal TruncatedNormal
Constant: Ones
fit: train Trainer compile TrainState train_step
predict: forward apply
jvp: pushforward linearize forward_grad
hvp: vhp hessian_vector_product
key: PRNGKey Rngs
load: load_model from_pretrained load_state_dict restore
save: save_model state_dict save_pretrained dump
TableEncoder: StandardScaler OneHotEncoder LabelEncoder ColumnTransformer OrdinalEncoder MinMaxScaler
PopulationSearchCV: GridSearchCV RandomizedSearchCV HalvingGridSearchCV
MLPClassifier: NeuralNetClassifier KerasClassifier Classifier
MLPRegressor: NeuralNetRegressor KerasRegressor Regressor
to_onnx: export onnx_export
torch: pytorch
cupy: cuda gpu
"""

# What is not here, and what to do.
ABSENT = {
    "Conv3d MaxPool3d ConvTranspose1d ConvTranspose2d Conv2DTranspose Upsample UpSampling2D PixelShuffle": (
        "nnx has none: its layers of images are Conv2D, MaxPool, AvgPool and GlobalPool"
    ),
    "Unfold Fold im2col": "nnx.Conv2D and nnx.Conv1D take the windows of x by themselves",
    "Permute Transpose ChannelsFirst": "rows are (height, width, channels): permute x before, x.permute(0, 2, 3, 1)",
    "LSTM RNN LSTMCell SimpleRNN": "nnx has none; GRU, Conv1D and MultiHeadAttention take rows (time, features)",
    "Softmax LogSoftmax log_softmax": (
        "there is no such layer: nnx.SoftmaxCrossEntropy takes logits, and fit.predict(x) gives probabilities"
    ),
    "Input InputLayer": "a network finds the width of x by itself: begin with its first layer",
    "ReduceLROnPlateau": "nnx has schedules such as nnx.Cosine, and nnx.EarlyStopping",
    "LevenbergMarquardt GaussNewton": "solver='lm' of nnx.MLPRegressor has it; nnx.gnvp gives Gauss-Newton products",
    "LBFGS": "solver='lbfgs' of nnx.MLPClassifier and nnx.MLPRegressor has it",
    "backward grad value_and_grad autograd GradientTape no_grad eval jit vmap": (
        "there is no graph: net.backprop gives gradients, and nnx.fit compiles steps by itself"
    ),
    "DataLoader TensorDataset Dataset": (
        "nnx.fit takes arrays x and y, or x alone: a function that returns batches (x, y)"
    ),
    "Tensor Parameter Param Variable tensor array": "arrays are those of NumPy, CuPy, PyTorch or JAX themselves",
    "manual_seed set_seed seed set_random_seed": "give seed=0 to nnx.fit and nnx.init",
    "summary": "print(net) shows the layers, and net.shapes((features,)) the shapes of the parameters",
    "device cuda to": "give backend='torch:cuda', 'cupy' or 'jax:gpu' to nnx.fit and nnx.init",
    "nn optim optimizers losses layers functional F keras linen schedules callbacks": (
        "layers, losses, optimizers and schedules are names of nnx itself, such as nnx.Dense and nnx.Adam"
    ),
    "precision_score recall_score Precision Recall": "nnx has the metrics balanced_accuracy, f1 and roc_auc",
    "train_test_split KFold": "give validation=0.1 to nnx.fit",
}  # fmt: skip

# A parameter here, and what it is called elsewhere.
KEYWORDS = """
rate: lr learning_rate eta eta0 step_size learning_rate_init init_value peak_value
weight_decay: wd l2 decay
decay: gamma rho alpha decay_rate beta
beta1: b1 beta_1 betas
beta2: b2 beta_2
epsilon: eps
size: kernel_size pool_size window_size window_shape filter_size
stride: strides
dilation: dilation_rate kernel_dilation
groups: feature_group_count
row: target_shape unflattened_size
momentum: mu beta
norm: max_norm clip clip_norm global_clipnorm
value: clip_value clipvalue max_delta
units: out_features n_units features size width out_channels
weight: kernel_init kernel_initializer weight_init
bias: bias_init bias_initializer use_bias
rate: p prob drop_prob dropout_rate
negative: negative_slope alpha slope
delta: beta threshold
levels: quantiles quantile q tau
class_weight: weight pos_weight class_weights
label_smoothing: smoothing
epochs: n_epochs num_epochs max_epochs max_iter nb_epoch n_iter iterations
steps: total_steps decay_steps T_max t_max num_steps
every: step_size transition_steps period save_freq
warmup: warmup_steps warmup_epochs
final: eta_min alpha end_value
rise: pct_start
batch_size: bs batch minibatch_size batchsize
validation: validation_data val_data validation_split validation_fraction eval_set val val_split X_val y_val dev
early_stopping: early_stop patience monitor min_delta n_iter_no_change early_stopping_rounds
callbacks: callback cbs
sample_weight: sample_weights weights weight
params: init_params weights initial_params state_dict
seed: random_state random_seed rng key rngs
backend: device accelerator
dtype: precision
compile: jit jit_compile
frozen: freeze trainable requires_grad
loss: criterion loss_fn objective loss_function
optimizer: optim optimiser solver tx opt
metrics: metric scoring
average: ema ema_decay swa use_ema
scale_target: standardize target_scale normalize_y scale_y standardize_target
kinds: categorical cat_features categorical_features cat_cols
micro_batches: accumulate_grad_batches gradient_accumulation_steps accumulation_steps
ranks: strategy distribution world_size num_nodes comm
members: n_members ensemble n_models n_estimators num_members k
checkpoint: checkpoint_path ckpt save_path
resume: resume_from resume_from_checkpoint ckpt_path initial_epoch
monitor: metric watch
better: mode
min_delta: tol threshold min_improvement
hidden: hidden_sizes hidden_layer_sizes layers hidden_dims
outputs: n_outputs output_size n_classes num_classes out_features out_dim
activation: act activation_fn nonlinearity
dropout: dropout_rate p drop
features: in_features n_features input_dim input_shape input_size
path: filename file filepath f fname
net: model network module
x: X inputs data
y: Y target targets labels
hidden_layer_sizes: hidden layers hidden_sizes
max_iter: epochs n_epochs num_epochs max_epochs
learning_rate_init: lr learning_rate eta rate
random_state: seed
solver: optimizer optim
n_iter_no_change: patience
validation_fraction: validation validation_split val_size
alpha: l2 weight_decay
n_estimators: members n_members n_models
param_grid: params grid param_distributions
cv: folds n_splits
"""

# A keyword that a call has no parameter for, and where what it says is said.
ELSEWHERE = {
    "lr learning_rate rate learning_rate_init eta": "an optimizer has it, such as optimizer=nnx.Adam(rate=0.001)",
    "weight_decay wd l2": "nnx.AdamW(1e-3, weight_decay=0.01) has it, and nnx.WeightDecay(optimizer) for others",
    "momentum nesterov": "nnx.Momentum(0.01, momentum=0.9) and nnx.Nesterov have it",
    "betas beta1 beta2 eps epsilon": "an optimizer has it, such as optimizer=nnx.Adam(beta1=0.9)",
    "scheduler schedule lr_scheduler": "an optimizer has it, such as optimizer=nnx.Adam(schedule=nnx.Cosine())",
    "class_weight class_weights pos_weight label_smoothing": (
        "give it to the loss, such as loss=nnx.SoftmaxCrossEntropy(class_weight=(1, 5))"
    ),
    "clip max_grad_norm gradient_clip_val clipnorm grad_clip": "wrap the optimizer: nnx.ClipNorm(nnx.Adam(), norm=1.0)",
    "restore_best_weights save_best_only": "leave it out: the best weights are kept by themselves",
    "validation_weight": "give validation=(x, y, weight)",
    "n_jobs num_workers workers use_multiprocessing pin_memory": "leave it out: all cores are used as they are",
    "amp fp16 bf16 mixed_precision": "give backend=nnx.backend('torch:cuda', precision='tf32')",
    "in_features input_dim input_shape input_size num_features normalized_shape": (
        "leave it out: the width of x is known from x"
    ),
    "inplace affine elementwise_affine track_running_stats": "leave it out",
    "steps_per_epoch": "leave it out: an epoch is one pass over the rows",
    "activation": "an activation is a layer of its own: nnx.Chain(nnx.Dense(8), nnx.ReLU())",
    "layers modules": "give them one by one: nnx.Chain(nnx.Dense(8), nnx.ReLU())",
    "bias use_bias": "leave it out: each Dense has a bias",
    "reduction": "leave it out: the mean over the rows is taken",
    "return_sequences kernel_regularizer": "leave it out, and use nnx.WeightDecay or nnx.AdamW for a penalty",
}  # fmt: skip

WHAT = {  # said beside a suggestion of `fit` for what other libraries call by other values
    "validation_data": "validation=(x, y)",
    "validation_split": "validation=0.1",
    "validation_fraction": "validation=0.1",
    "val_split": "validation=0.1",
    "y_val": "validation=(x, y)",
    "monitor": "early_stopping=nnx.EarlyStopping(monitor='validation_loss')",
    "min_delta": "early_stopping=nnx.EarlyStopping(min_delta=0.001)",
    "patience": "early_stopping=nnx.EarlyStopping(patience=10)",
    "n_iter_no_change": "early_stopping=nnx.EarlyStopping(patience=10)",
    "device": "backend='torch:cuda', say",
    "freeze": "frozen='0.*', say",
    "ema": "average=nnx.EMA(0.999)",
    "swa": "average=nnx.SWA(0.75)",
}

# An attribute of a result, and what it is called elsewhere.
ATTRIBUTES = {
    "predict_proba predict_log_proba decision_function": "fit.predict(x) gives probabilities for a loss of classes",
    "transform __call__ forward apply": "fit.predict(x), or fit.output(x) for what the loss takes",
    "fit train partial_fit compile": "it is trained; go on with nnx.fit(fit.net, x, y, params=fit.params, ...)",
    "evaluate score eval": "compare fit.predict(x) with y: nnx.accuracy(y, target), nnx.evaluation.scores(...)",
    "save save_weights to_file export dump": "nnx.save(path, fit), and nnx.load(path)",
    "load load_weights load_state_dict": "nnx.load(path)",
    "summary": "print(fit), and nnx.summary(fit.net, x) for its layers",
    "weights coefs_ intercepts_ parameters state_dict get_weights": "fit.params has them by name, such as '0.W'",
    "model network module net_ best_estimator_": "fit.net",
    "loss_curve_ losses loss_": "fit.history['loss']",
    "validation_scores_ val_loss": "fit.history['validation_loss']",
    "n_iter_ epoch epochs epoch_": "fit.history['epoch']; fit.best_epoch is the one that is kept",
    "plot": "nnx.plots.curves(fit.history)",
    "to cuda cpu numpy device": "fit.backend says where its arrays are",
    "classes_": "the columns of fit.predict(x) are the classes 0, 1, ...",
    "estimators_ members models": "fit[k] is member k, and len(fit) their number",
    "best_params_ best_index_ best_score_": "fit.best() is the number of the best member",
}  # fmt: skip

PARTS = {  # attributes of a layer, a loss or an optimizer
    "forward __call__ call apply": "net.evaluate(params, x) gives y, and what backprop needs",
    "predict predict_proba": "nnx.predict(net, params, x, loss=loss), or fit.predict(x)",
    "backward grad gradients": "net.backprop(params, values, dy) gives dx and the gradients by name",
    "step apply_gradients minimize zero_grad": "params, state = optimizer.update(params, grads, state)",
    "train eval training": "net.evaluate(params, x, train=True, key=nnx.key(0, step)) is as in training",
    "parameters named_parameters weights get_weights state_dict trainable_variables params W b bias kernel": (
        "a layer holds none: params = nnx.init(net, x), by name, such as params['0.W']"
    ),
    "load_state_dict set_weights": "parameters are a dict: give them to evaluate, or nnx.fit(..., params=params)",
    "fit compile": "nnx.fit(net, x, y, loss=..., optimizer=...)",
    "summary": "nnx.summary(net, x)",
    "save save_weights export": "nnx.save(path, net, params), or nnx.to_onnx(net, path, params=params)",
    "add append": "nnx.Chain(*net.layers, layer)",
    "to cuda cpu device": "nnx.init(net, x, backend=...) decides where parameters are",
    "lr learning_rate": "rate",
    "param_groups": "nnx.fit(..., rate_factors={'0.*': 0.1})",
}  # fmt: skip

HISTORY = (
    "validation_loss: val_loss valid_loss test_loss dev_loss\nloss: train_loss training_loss\nrate: lr learning_rate"
)

MEASURED = {
    "accuracy acc val_acc val_accuracy validation_accuracy": "accuracy",
    "r2 r2_score val_r2 validation_r2": "r2",
    "mae mean_absolute_error val_mae validation_mean_absolute_error": "mean_absolute_error",
    "mse mean_squared_error val_mse validation_mean_squared_error": "mean_squared_error",
}  # what metrics= makes of a figure
