"""What the frameworks' own classes and functions make: summaries that ship with us, whatever is installed."""

from __future__ import annotations

import re

# Classes of these packages with a capital letter are torch modules, but for what `_NOT_MODULES` names.
_MODULE_PACKAGES = (
    "torch.nn.",
    "torchvision.models.",
    "torchvision.ops.",
    "torchaudio.models.",
    "timm.models.",
    "segmentation_models_pytorch.",
    "monai.networks.nets.",
    "torch_geometric.nn.",
    "efficientnet_pytorch.",
    "facenet_pytorch.InceptionResnetV1",
)
_NOT_MODULES = re.compile(
    r"^torch\.nn\.(Parameter|Buffer|UninitializedParameter|UninitializedBuffer|functional\..*|init\..*|utils\..*"
    r"|parameter\..*|modules\.\w+)$|Weights$|Config$|_Weights\."
)
#: The modules of torch in which a class is written, beside the package that offers it.
_WRITTEN_IN = re.compile(
    r"^(torch\.(?:nn(?=\.modules)|nn\.parallel|utils\.data|optim))(\.modules)?(\.(?!lr_scheduler|swa_utils)[a-z_]\w*)?(?=\.[A-Z])"
)
_MODULE_FUNCTIONS = frozenset(
    {
        "timm.create_model",
        "timm.models.create_model",
        "torch.jit.load",
        "torch.jit.script",
        "torch.jit.trace",
        "torch.compile",
        "torchvision.models.get_model",
        "whisper.load_model",
        "peft.get_peft_model",
        "segmentation_models_pytorch.create_model",
    }
)
# Modules without a parameter: on inputs without a graph they record none, and there is no weight to read again.
_STATELESS = re.compile(
    r"^torch\.nn\.(Dropout\w*|AlphaDropout|FeatureAlphaDropout|Identity|Flatten|Unflatten|Upsample\w*|PixelShuffle"
    r"|PixelUnshuffle|Fold|Unfold|ReLU6?|LeakyReLU|ELU|SELU|CELU|GELU|SiLU|Mish|Hard\w+|Softplus|Softshrink|Softsign"
    r"|Softmax2?d?|Softmin|LogSoftmax|LogSigmoid|Sigmoid|Tanh\w*|Threshold|GLU|RReLU|\w*Pool\dd|\w*Pad\dd"
    r"|CosineSimilarity|PairwiseDistance|ChannelShuffle)$"
)


def offered(name: str) -> str:
    """The name of a class of torch as most users write it: `torch.nn.Linear` for `torch.nn.modules.linear.Linear`."""
    return _WRITTEN_IN.sub(r"\1", name) if name.startswith("torch.") else name


#: Wrappers that give back what they are given, still a module.
MODULE_WRAPPERS = frozenset(
    {
        "copy.deepcopy",
        "copy.copy",
        "torch.compile",
        "torch.nn.DataParallel",
        "torch.nn.parallel.DistributedDataParallel",
        "torch.nn.parallel.DataParallel",
        "torch.nn.SyncBatchNorm.convert_sync_batchnorm",
        "peft.get_peft_model",
    }
)
_HF_MODEL = re.compile(
    r"^transformers\.(?:models\.[\w.]+\.)?(Auto(?:Model|Backbone)\w*|[A-Z]\w*?(?:Model|For[A-Z]\w*|LMHead\w*))$"
)
_NOT_TORCH = re.compile(r"^transformers\.(?:models\.[\w.]+\.)?(TF|Flax)[A-Z]")

_TENSOR_FUNCTIONS = (
    "tensor", "as_tensor", "from_numpy", "zeros", "ones", "full", "empty", "rand", "randn", "randint", "randperm",
    "arange", "linspace", "logspace", "eye", "zeros_like", "ones_like", "full_like", "empty_like", "rand_like",
    "randn_like", "randint_like", "cat", "concat", "stack", "hstack", "vstack", "where", "einsum", "matmul", "mm",
    "bmm", "softmax", "sigmoid", "tanh", "relu", "sum", "mean", "max", "min", "argmax", "argmin", "abs", "exp", "log",
    "sqrt", "norm", "clamp", "normal", "bernoulli", "multinomial", "scatter", "gather", "index_select", "tril", "triu",
    "diag", "outer", "meshgrid", "split", "chunk", "FloatTensor", "LongTensor", "DoubleTensor", "IntTensor",
    "ByteTensor", "BoolTensor", "HalfTensor", "Tensor", "nn.Parameter",
)  # fmt: skip
TENSOR_FACTORIES = frozenset(f"torch.{name}" for name in _TENSOR_FUNCTIONS) | {"torch.autograd.Variable"}
#: Functions of `torch.nn.functional` and friends give tensors.
TENSOR_PREFIXES = ("torch.nn.functional.", "torch.linalg.", "torch.fft.", "torch.special.")
ARRAY_PREFIXES = ("numpy.",)
_ARRAY_FUNCTIONS = (
    "array", "asarray", "zeros", "ones", "full", "empty", "arange", "linspace", "logspace", "eye", "identity",
    "zeros_like", "ones_like", "full_like", "concatenate", "stack", "vstack", "hstack", "column_stack", "random.rand",
    "random.randn", "random.random", "random.uniform", "random.normal", "random.standard_normal", "random.randint",
    "random.choice", "load", "loadtxt", "genfromtxt", "reshape", "expand_dims", "squeeze", "transpose", "meshgrid",
    "tile", "repeat",
)  # fmt: skip
_ARRAY_FACTORIES = frozenset(f"numpy.{name}" for name in _ARRAY_FUNCTIONS)
OPTIMIZER = re.compile(
    r"^(torch\.optim\.(?!lr_scheduler|swa_utils|Optimizer)|torch\.optim\.\w+\.)[A-Z]\w*$"
    r"|^(transformers|torch_optimizer|timm\.optim|bitsandbytes\.optim|lion_pytorch)\.(AdamW|Adafactor|Lamb|Lion|Ranger"
    r"|RAdam|AdaBelief|SGD|Adam|[A-Z]\w*8bit)$"
)
ENCODERS = frozenset({"sentence_transformers.SentenceTransformer", "sentence_transformers.SparseEncoder"})
CROSS_ENCODERS = frozenset({"sentence_transformers.CrossEncoder", "sentence_transformers.cross_encoder.CrossEncoder"})
PIPELINES = re.compile(r"^transformers\.(pipelines\.(\w+\.)?)?(pipeline|([A-Z]\w*)?Pipeline)$")
_ESTIMATOR_PACKAGES = (
    "sklearn.linear_model.", "sklearn.svm.", "sklearn.ensemble.", "sklearn.tree.", "sklearn.neighbors.",
    "sklearn.naive_bayes.", "sklearn.neural_network.", "sklearn.cluster.", "sklearn.decomposition.",
    "sklearn.preprocessing.", "sklearn.pipeline.", "sklearn.discriminant_analysis.", "sklearn.gaussian_process.",
    "sklearn.isotonic.", "sklearn.mixture.", "sklearn.multiclass.", "sklearn.multioutput.", "sklearn.calibration.",
    "sklearn.model_selection.GridSearchCV", "sklearn.model_selection.RandomizedSearchCV", "sklearn.feature_extraction.",
    "sklearn.feature_selection.", "sklearn.compose.", "sklearn.impute.", "sklearn.semi_supervised.", "sklearn.dummy.",
    "sklearn.cross_decomposition.", "sklearn.kernel_ridge.", "sklearn.manifold.", "sklearn.random_projection.",
    "xgboost.XGB", "lightgbm.LGBM", "catboost.CatBoost",
)  # fmt: skip
_ESTIMATOR_FUNCTIONS = frozenset(
    {"sklearn.pipeline.make_pipeline", "sklearn.compose.make_column_transformer", "sklearn.base.clone"}
)
LOADERS = frozenset(
    {
        "torch.utils.data.DataLoader",
        "torch.utils.data.dataloader.DataLoader",
        "torch_geometric.loader.DataLoader",
        "torch_geometric.data.DataLoader",
        "torchdata.stateful_dataloader.StatefulDataLoader",
        "monai.data.DataLoader",
        "dgl.dataloading.DataLoader",
        "dgl.dataloading.GraphDataLoader",
    }
)
MODULE_BASES = re.compile(
    r"^(torch\.nn\.(?!Parameter|functional)[A-Z]\w*|torch\.nn\.modules\.\w+\.[A-Z]\w*"
    r"|(pytorch_lightning|lightning(\.pytorch)?)(\.core)?(\.\w+)?\.LightningModule"
    r"|transformers\.(?:\w+\.)*\w*(PreTrainedModel|Model|For[A-Z]\w*)"
    r"|torchvision\.models\.(?:\w+\.)*[A-Z]\w*|torch_geometric\.nn\.(?:\w+\.)*[A-Z]\w*"
    r"|timm\.models\.(?:\w+\.)*[A-Z]\w*)$"
)
LIGHTNING_BASES = re.compile(r"\b(LightningModule|LightningDataModule|LightningLite)$")
TRAINER_BASES = re.compile(r"(^|\.)(\w*Trainer)$")
DEVICE_FACTORIES = frozenset({"torch.device"})
_LAST_CAPITAL = re.compile(r"\.[A-Z]\w*$")
_LOWER_MODEL = re.compile(
    r"^torchvision\.models\.(?:(?:detection|segmentation|video|quantization|optical_flow)\.)?[a-z]\w*$"
)


def stateless(name: str) -> bool:
    """Whether the module class of this full name has no parameters."""
    return _STATELESS.match(name) is not None


def makes(name: str) -> str | None:
    """The kind of value that calling the thing named `name` gives, or `None` when the summaries do not say."""
    for kind, known in _TESTS:
        if known(name):
            return kind
    return None


def _makes_module(name: str) -> bool:
    if name in _MODULE_FUNCTIONS:
        return True
    owner, _, method = name.rpartition(".")
    if method in ("from_pretrained", "from_config", "from_name", "_from_config"):
        return bool(_HF_MODEL.match(owner) and not _NOT_TORCH.match(owner)) or _is_module_class(owner)
    if _LOWER_MODEL.match(name) and not name.endswith(("_weights", "list_models", "get_weight", "get_model_weights")):
        return True
    return _is_module_class(name) or bool(
        name.startswith("transformers.")
        and _HF_MODEL.match(name)
        and not _NOT_TORCH.match(name)
        and ".Auto" not in name
    )


def _is_module_class(name: str) -> bool:
    return bool(name.startswith(_MODULE_PACKAGES) and _LAST_CAPITAL.search(name) and not _NOT_MODULES.search(name))


def _makes_estimator(name: str) -> bool:
    return (
        name in _ESTIMATOR_FUNCTIONS
        or bool(name.startswith(_ESTIMATOR_PACKAGES) and _LAST_CAPITAL.search(name))
        or (name.startswith(("xgboost.XGB", "lightgbm.LGBM", "catboost.CatBoost")))
    )


_TESTS = (
    (
        "encoder",
        lambda name: name in ENCODERS or (name.rpartition(".")[0] in ENCODERS and name.endswith(".load")),
    ),
    ("cross-encoder", CROSS_ENCODERS.__contains__),
    ("pipeline", PIPELINES.match),
    ("tensor", lambda name: name in TENSOR_FACTORIES or name.startswith(TENSOR_PREFIXES)),
    ("module", _makes_module),
    ("optimizer", OPTIMIZER.match),
    ("loader", LOADERS.__contains__),
    ("estimator", _makes_estimator),
    ("array", _ARRAY_FACTORIES.__contains__),
    ("device", DEVICE_FACTORIES.__contains__),
    (
        "tokenizer",
        re.compile(
            r"^transformers\.\w*(Tokenizer|Processor|FeatureExtractor|TokenizerFast)(\.from_pretrained)?$"
        ).match,
    ),
    ("frame", re.compile(r"^pandas\.(DataFrame|read_\w+|concat|merge)$").match),
    ("series", re.compile(r"^pandas\.Series$").match),
    (
        "dataset",
        re.compile(
            r"^(datasets\.(load_dataset|Dataset\.\w+)|torchvision\.datasets\.\w+|torch\.utils\.data\.\w*Dataset)$"
        ).match,
    ),
    (
        "list",
        re.compile(
            r"^(list|sorted|os\.listdir|glob\.glob|builtins\.list|os\.scandir|csv\.reader|csv\.DictReader)$"
        ).match,
    ),
)


#: What an annotation says, by the full name of its class.
def annotated(name: str) -> str | None:
    """The kind of value that an annotation of this full name promises."""
    if name in (
        "torch.nn.Module",
        "torch.nn.modules.Module",
        "torch.nn.modules.module.Module",
    ) or MODULE_BASES.match(name):
        return "loss" if name.endswith("Loss") else "module"
    if name in ("torch.Tensor", "torch.FloatTensor", "torch.LongTensor"):
        return "tensor"
    if name in ("numpy.ndarray", "numpy.typing.NDArray", "numpy.array"):
        return "array"
    if name in LOADERS:
        return "loader"
    if name in ENCODERS:
        return "encoder"
    if name in CROSS_ENCODERS:
        return "cross-encoder"
    if name.startswith("transformers.") and PIPELINES.match(name):
        return "pipeline"
    if name.startswith("transformers.") and _HF_MODEL.match(name) and not _NOT_TORCH.match(name):
        return "module"
    if name.startswith("sklearn.base.") or _makes_estimator(name):
        return "estimator"
    if name in ("torch.optim.Optimizer", "torch.optim.optimizer.Optimizer") or OPTIMIZER.match(name):
        return "optimizer"
    if name == "torch.device":
        return "device"
    return {"pandas.DataFrame": "frame", "pandas.Series": "series"}.get(name)
