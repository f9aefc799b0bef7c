"""What to write for a name that is missing, such as one that another framework uses.

A name is looked up here only when it is missing, and a keyword only when it is one of these, so a
name that tinynet does use costs nothing.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, ParamSpec, TypeVar

from tinynet.kept import used_names

T = TypeVar("T")
C = TypeVar("C", bound=type)
P = ParamSpec("P")


def _table(rows: Mapping[str, str]) -> dict[str, str]:
    return {name: advice for names, advice in rows.items() for name in names.split()}


_SIZES = (
    "write the sizes first: Dense(inputs, outputs), LSTM(inputs, units), "
    "Embedding(num_embeddings, features)"
)
_NO_LAYER = "there is no such layer yet: write a class derived from tinynet.Layer"
_CROSS_ENTROPY = "write tinynet.CrossEntropyLoss(), and no Softmax at the end of the network"

KEYWORDS = _table(
    {
        "activation": "an activation is a layer of its own: Sequential(Dense(784, 100), ReLU())",
        "units input_dim input_shape in_features out_features": _SIZES,
        "count embedding_dim output_dim": _SIZES,
        "num_features num_parameters normalized_shape": "write features=",
        "num_groups num_channels": "write GroupNorm(groups, channels)",
        "filters": "write the channels first: Conv2D(in_channels, out_channels, kernel_size)",
        "pool_size": "write kernel_size=",
        "strides": "write stride=",
        "dilation_rate": "write dilation=",
        "padding_mode data_format": "the border is 0, and arrays are (N, C, H, W)",
        "input_size hidden_size": "write the sizes first: LSTM(inputs, units)",
        "bidirectional": "write Concatenate(LSTM(3, 4), LSTM(3, 4, reverse=True))",
        "num_layers": "write a layer for each: Sequential(LSTM(3, 4, return_sequences=True), "
        "LSTM(4, 4))",
        "return_state stateful batch_first": "leave it out: x is (N, steps, features), each call "
        "begins with the initial state, and return_sequences=True returns all states",
        "go_backwards": "write reverse=",
        "num_heads key_dim embed_dim": "write the sizes first: SelfAttention(features, heads)",
        "mask_zero padding_idx": "write Masked(Sequential(Embedding(...), ...), padding=0)",
        "recurrent_initializer": "write recurrent_init=",
        "is_causal use_causal_mask": "write causal=",
        "use_bias": "write bias=",
        "elementwise_affine": "write affine=",
        "kernel_initializer weight_init": "write init=, such as tinynet.initializers.he_normal",
        "seed random_state manual_seed": "write rng=, a NumPy Generator or an int",
        "device": "arrays are NumPy's and stay on the CPU; dtype=np.float32 chooses the float type",
        "p prob drop_rate drop_prob dropout_rate": "write rate=, the probability of dropping an "
        "element",
        "inplace": "leave it out, because a layer never writes into its input",
        "dim axis": "leave it out: the docstring says over which axis it works",
        "start_dim end_dim": "leave it out, because all axes but the first become one",
        "recurrent_dropout": "write a layer: Sequential(LSTM(3, 4), Dropout(0.3))",
        "dropout": "write tinynet.Dropout(0.3), a layer: Sequential(LSTM(3, 4), Dropout(0.3))",
        "nonlinearity": "an RNN has tanh; LSTM and GRU have their gates",
        "mask_value": "write padding=",
        "key_padding_mask attention_mask": "write mask=, which is True for the steps that count",
        "ceil_mode return_indices": "leave it out: rows and columns that are left over are not "
        "looked at",
        "d_model": "write the sizes first: SelfAttention(features, heads), "
        "PositionalEncoding(length, features)",
        "learnable trainable": "write learned=True",
        "epsilon": "write eps=",
        "alpha slope": "LeakyReLU(negative_slope=0.01), ELU(alpha=1.0), RMSprop(alpha=0.99)",
        "params": "the first argument is the network itself: SGD(net, lr=0.1)",
        "learning_rate": "write lr=, and read optimizer.lr",
        "beta_1 beta_2 beta1 beta2": "write betas=(0.9, 0.999)",
        "amsgrad": "there is no such variant of Adam; write a class derived from Adam",
        "rho": "write alpha=",
        "decay": "write weight_decay=, or a schedule as lr: tinynet.schedules",
        "clipnorm clipvalue global_clipnorm max_norm max_grad_norm grad_clip clip_grad": "write "
        "clip_norm= or clip_value=",
        "l2 weight_penalty": "write weight_decay=",
        "reduction size_average": "a loss is the mean that its docstring states; scale lr instead",
        "class_weight class_weights": "write weight=, a number for each class",
        "ignore_class": "write ignore_index=",
        "from_logits": "CrossEntropyLoss and BCEWithLogitsLoss take logits, BCELoss probabilities",
    }
)
"""Arguments of layers, losses and optimizers."""

_ORDER = "the order is network, loss, optimizer, x, t, and these have no other names"

CALL_KEYWORDS = _table(
    {
        "lr learning_rate": "the learning rate is the optimizer's: SGD(net, lr=0.1)",
        "verbose": 'write progress="off", "lines" or "bar" in tinynet.fit',
        "validation_data": "write validation=(x, t) in tinynet.fit",
        "validation_split": "divide the data, and write validation=(x, t) in tinynet.fit",
        "callbacks callback": "write for epoch in tinynet.train(...), whose body is your own code",
        "early_stopping": "write patience= in tinynet.fit",
        "initial_epoch": "write checkpoint=path, resume=True in tinynet.fit",
        "metrics patience progress checkpoint resume validation": "tinynet.fit takes it",
        "n_epochs num_epochs nb_epoch max_iter iterations": "write epochs=",
        "batchsize bs mini_batch_size minibatch_size": "write batch_size=",
        "class_weight": "write CrossEntropyLoss(weight=[1.0, 3.0]), a number for each class",
        "sample_weight": "a loss is a mean in which all examples weigh the same",
        "model network criterion loss_fn optimiser optim": _ORDER,
        "X y x_train y_train inputs targets labels data dataset": _ORDER,
        "seed random_state device": "",
    }
)
"""Arguments of `train`, `fit`, `evaluate` and `predict`."""

CALL_KEYWORDS.update({name: KEYWORDS[name] for name, advice in CALL_KEYWORDS.items() if not advice})

_OF_OBJECTS = KEYWORDS | _table(
    {
        "parameters trainable_variables": "an optimizer takes the network itself: "
        "SGD(net, lr=0.1); net.params holds all parameters, net.named_parameters() lists them by "
        "name",
        "fit compile MLPClassifier MLPRegressor Trainer": "write tinynet.fit(net, loss, optimizer, "
        "x, t, epochs=10)",
        "evaluate": "write tinynet.evaluate(net, loss, x, t)",
        "train eval training": "there is no mode to set: forward is the training pass, predict is "
        "inference. To train a network, use tinynet.train or tinynet.fit",
        "zero_grad": "leave it out, because backward overwrites the gradients",
        "weight weights kernel bias": "weights are W and biases b, and their gradients dW and db",
        "get_weights set_weights": "read net.params, or write net.params[...] = values",
        "grad": "all gradients are net.grads; that of W is dW; dL/dy is what loss.backward returns",
        "state_dict": "write tinynet.to_state_dict(net) or tinynet.save(net, path); for an "
        "optimizer, optimizer.named_state() lists its memory and tinynet.fit writes checkpoints",
        "load_state_dict": "write tinynet.from_state_dict(net, state_dict); for an optimizer, "
        "tinynet.fit(..., checkpoint=path, resume=True) continues from a checkpoint",
        "save save_model save_weights": "write tinynet.save(net, path)",
        "load_model": "write tinynet.load(path)",
        "load_weights": "write tinynet.load_parameters(net, path)",
        "add append": "a network is built at once: Sequential(layer, layer, ...)",
        "predict_proba predict_classes": "write net.predict(x), which gives the outputs",
        "score": "write tinynet.evaluate(net, loss, x, t), or use tinynet.metrics",
        "count_params": "net.params.size is the number of parameters",
        "to cuda cpu device": KEYWORDS["device"],
        "float double half astype": "write dtype=np.float32 where the network is built",
        "trainable requires_grad requires_grad_": "a layer in Frozen(layer) does not learn",
        "named_state": "it is called named_buffers()",
        "check_windows": "it is called check_views()",
        "item": "leave it out, because forward returns a Python float",
        "lr": "the learning rate is the optimizer's: SGD(net, lr=0.1), later optimizer.lr = 0.01",
        "param_groups": "an optimizer has one network, optimizer.net, and one rate, optimizer.lr; "
        "rates=tinynet.per_parameter(net, {'0.*': 0.1}) multiplies it for some parameters",
        "minimize apply_gradients": "write net.backward(loss.backward()), then optimizer.step()",
    }
)
"""Attributes of a network, a loss or an optimizer."""

ATTRIBUTES = _OF_OBJECTS | _table(
    {
        "Affine FullyConnected Linear linear": "write tinynet.Dense(inputs, outputs)",
        "MLP Model Module ModuleList Network NeuralNetwork": "write tinynet.Sequential(...), or a "
        "class derived from tinynet.Layer",
        "Parameter Variable": "write super().__init__(W=array) in a class of tinynet.Layer",
        "Activation functional": "write a layer such as tinynet.ReLU()",
        "Convolution Conv2DTranspose ConvTranspose2d Conv3D Conv3d": _NO_LAYER,
        "SimpleRNN": "write tinynet.RNN(inputs, units)",
        "Bidirectional BiLSTM": "write tinynet.Concatenate(LSTM(inputs, units), LSTM(inputs, "
        "units, reverse=True))",
        "MultiHeadAttention MultiheadAttention": "write tinynet.SelfAttention(features, heads)",
        "TransformerEncoderLayer": "it is six lines of Residual, LayerNorm, SelfAttention and "
        "Dense: see docs/how-to-sequences.md",
        "Masking": "write tinynet.Masked(layer, padding=0), around the layers that leave it out",
        "GlobalAveragePooling1D": "write tinynet.AverageSteps()",
        "Transpose": "write tinynet.Permute((2, 1))",
        "Dropout1d Dropout2d SpatialDropout2D": "write tinynet.Dropout(rate, channels=True)",
        "SpatialDropout1D": "write tinynet.Dropout(rate, channels=True), for steps and features "
        "between two Permute((2, 1))",
        "MaxPooling2D": "write tinynet.MaxPool2D(2)",
        "AveragePooling2D": "write tinynet.AvgPool2D(2)",
        "GlobalAveragePooling2D GlobalAvgPool2d AdaptiveAvgPool2d": "write "
        "tinynet.GlobalAveragePool()",
        "DepthwiseConv2D": "write tinynet.Conv2D(channels, channels, 3, groups=channels)",
        "CategoricalCrossentropy SparseCategoricalCrossentropy NLLLoss": _CROSS_ENTROPY,
        "CrossEntropy SoftmaxCrossEntropy cross_entropy": _CROSS_ENTROPY,
        "BCE BinaryCrossentropy binary_cross_entropy": "write tinynet.BCELoss(), or "
        "tinynet.BCEWithLogitsLoss() without a Sigmoid",
        "dropout": "write tinynet.Dropout",
        "TimeDistributed": "leave it out: Dense and activations compute each step by itself",
        "LSTMCell GRUCell RNNCell": "write tinynet.LSTM(inputs, units), which takes all steps",
        "Attention": "write tinynet.SelfAttention(features, heads)",
        "Unflatten": "write tinynet.Reshape(shape)",
        "Input InputLayer": "leave it out: the first layer says how many inputs there are",
        "Add": "write tinynet.Residual(layer), which adds the input of a layer to its output",
        "MaxPool1D MaxPool1d AvgPool1D AvgPool1d": "make images of one column with "
        "Reshape((channels, length, 1)), and use MaxPool2D((2, 1))",
        "GlobalMaxPooling2D GlobalMaxPool2d AdaptiveMaxPool2d": "write tinynet.MaxPool2D of the "
        "size of the image, or tinynet.GlobalAveragePool()",
        "clip_grad_norm_ clip_grad_value_": "write clip_norm= or clip_value= in the optimizer",
        "pad_sequences pad_sequence pack_padded_sequence": "fill up by hand, and write "
        "tinynet.Masked(layer, padding=0)",
        "BatchNorm1d BatchNorm2d BatchNormalization": "write tinynet.BatchNorm(features)",
        "GroupNormalization": "write tinynet.GroupNorm(groups, channels)",
        "InstanceNorm1d InstanceNorm2d": "write tinynet.GroupNorm(channels, channels)",
        "Normalization StandardScaler": "write tinynet.Standardize.from_data(x)",
        "RMSNormalization": "write tinynet.RMSNorm(features)",
        "LayerNormalization": "write tinynet.LayerNorm(features)",
        "MSE MeanSquaredError mse": "write tinynet.MSELoss()",
        "MAE MeanAbsoluteError": "write tinynet.L1Loss()",
        "Huber SmoothL1Loss": "write tinynet.HuberLoss(delta=1.0)",
        "KLDivergence": "write tinynet.KLDivLoss()",
        "Swish swish": "write tinynet.SiLU()",
        "LBFGS": "write tinynet.minimize(net, loss, x, t)",
        "Momentum Nesterov": "write tinynet.SGD(net, lr=0.1, momentum=0.9)",
        "CosineAnnealingLR ExponentialLR LambdaLR StepLR lr_scheduler": "write an lr "
        "from tinynet.schedules, such as tinynet.schedules.cosine",
        "OneCycleLR": "write an lr such as tinynet.schedules.one_cycle(0.1, steps=1000)",
        "CosineAnnealingWarmRestarts CosineDecayRestarts": "write an lr such as "
        "tinynet.schedules.cosine_restarts(0.1, steps=100, growth=2)",
        "PolynomialLR": "write an lr such as "
        "tinynet.schedules.polynomial_decay(0.1, steps=100, power=2)",
        "LinearLR": "write an lr such as tinynet.schedules.linear_decay(0.1, steps=100)",
        "nn": "write tinynet.Dense, tinynet.ReLU, tinynet.MSELoss and so on",
        "optim": "write tinynet.SGD, tinynet.Adam and so on",
        "init": "write tinynet.initializers",
        "kaiming_normal kaiming_uniform": "write tinynet.initializers.he_normal",
        "xavier_normal xavier_uniform": "write tinynet.initializers.glorot_uniform",
        "manual_seed set_seed": KEYWORDS["seed"],
        "EarlyStopping": "write tinynet.fit(..., validation=(x, t), patience=10)",
        "ModelCheckpoint": "write tinynet.fit(..., checkpoint=path)",
        "DataLoader Dataset TensorDataset": "write tinynet.data.batches(x, t, batch_size=32)",
        "datasets": "write tinynet.data.load_mnist(folder)",
        "read_csv": "write tinynet.data.read_mnist_csv(path)",
        "to_categorical": "write tinynet.data.one_hot(labels, classes)",
        "no_grad inference_mode": "write net.predict(x), which stores nothing",
        "Tensor array tensor": "write a NumPy array",
        "check_layer check_grad gradcheck": "write tinynet.testing.check_layer(layer)",
        "check_loss check_optimizer": "write tinynet.testing.check_loss and so on",
        "confusion learning_curve misclassified": "write tinynet.plot.confusion and so on",
    }
)
"""Attributes of objects, and of the package itself."""


class ForeignName:
    """A class attribute that is reported as missing, with advice what to write instead.

    The name belongs to a class that defines it or whose methods use it, and to an object whose own
    methods assign it. Any other assignment is refused, because it would have no effect.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, owner: object, cls: type) -> Any:
        if owner is None or self.name not in vars(owner):
            self._refuse(cls, "has no attribute")
        return vars(owner)[self.name]

    def __set__(self, owner: object, value: object) -> None:
        if self.name not in vars(owner):
            frame = sys._getframe(1)
            code, cls = frame.f_code, type(owner)
            first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            method = first is owner and hasattr(cls, code.co_name)
            ours = str(frame.f_globals.get("__name__")).startswith("tinynet.")
            if not (method or ours or self.name in used_names(cls)):
                self._refuse(cls, "does not use")
        vars(owner)[self.name] = value

    def __delete__(self, owner: object) -> None:
        if vars(owner).pop(self.name, self) is self:
            self._refuse(type(owner), "has no attribute")

    def _refuse(self, cls: type, what: str) -> NoReturn:
        raise AttributeError(f"{cls.__name__} {what} {self.name!r}: {ATTRIBUTES[self.name]}")


def answering(names: Iterable[str] = _OF_OBJECTS) -> Callable[[C], C]:
    """Have a class answer these names, where it does not define them, as missing ones.

    `__getattr__` would do the same, but Python 3.11 looks up all attributes more slowly then: a
    training step at batch 1 takes 4 to 7 % longer.
    """

    def decorate(cls: C) -> C:
        for name in (name for name in names if not hasattr(cls, name)):
            setattr(cls, name, ForeignName(name))
        setattr(cls, "__dir__", _directory)  # noqa: B010  a class body would be typed otherwise
        return cls

    return decorate


def _directory(self: object) -> list[str]:
    """The names of an object for completion, without those that it only answers."""
    foreign = {n for c in type(self).__mro__ for n, v in vars(c).items() if type(v) is ForeignName}
    shown = (n for n in object.__dir__(self) if n.isidentifier())
    return [n for n in shown if n not in foreign or hasattr(self, n)]


def answering_keywords(function: Callable[P, T]) -> Callable[P, T]:
    """Have a function answer the keywords of other frameworks that it does not take."""
    taken = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs.keys() - taken.keys():
            if name in CALL_KEYWORDS:
                raise TypeError(f"{function.__name__} takes no {name!r}: {CALL_KEYWORDS[name]}")
        return function(*args, **kwargs)

    return call


def check_keywords(cls: type, keywords: Mapping[str, object]) -> None:
    """Refuse a keyword of another framework that the constructor of `cls` does not take."""
    for name in keywords:
        if name in KEYWORDS:
            init = cls.__init__  # type: ignore[misc]
            taken = () if init is object.__init__ else inspect.signature(init).parameters.values()
            if not any(p.name == name or p.kind is p.VAR_KEYWORD for p in taken):
                raise TypeError(f"{cls.__name__} takes no {name!r}: {KEYWORDS[name]}")


def missing_name(name: str, *, imported: bool = False) -> AttributeError | ImportError:
    """The error for `tinynet.name`, or for `from tinynet import name` if there is advice.

    A public name that has the same letters is recommended, where the table says nothing.
    """
    advice, letters = ATTRIBUTES.get(name, ""), _letters(name)
    for path in ("", ".data", ".initializers", ".metrics", ".schedules"):
        for public in sys.modules[f"tinynet{path}"].__all__:
            if _letters(public) == letters and not advice:
                advice = f"write tinynet{path}.{public}"
    if imported and advice:
        return ImportError(f"cannot import name {name!r} from 'tinynet': {advice}")
    return AttributeError(
        f"module 'tinynet' has no attribute {name!r}{f': {advice}' if advice else ''}"
    )


def _letters(name: str) -> str:
    return name.replace("_", "").lower()
