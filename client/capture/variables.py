"""Which environment variables are recorded: those on this list, no others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .secrets import mask_text

_RECORDED = re.compile(
    "|".join(
        (
            # What changes what Python does.
            "PYTHON(?:HASHSEED|PATH|OPTIMIZE|UTF8|NOUSERSITE|SAFEPATH|WARNINGS|MALLOC)",
            "PYTHON_(?:GIL|JIT)",
            "VIRTUAL_ENV|CONDA_DEFAULT_ENV|CONDA_PREFIX",
            # How numbers come out: threads, code paths, devices.
            "(?:OMP|MKL|OPENBLAS|BLIS|NUMEXPR|VECLIB_MAXIMUM|NUMBA|POLARS|RAYON)_[A-Z_]*THREADS",
            "MKL_CBWR|OPENBLAS_CORETYPE|OMP_(?:DYNAMIC|SCHEDULE|PROC_BIND|PLACES)",
            "CUDA_(?:VISIBLE_DEVICES|DEVICE_ORDER|LAUNCH_BLOCKING)|CUBLAS_WORKSPACE_CONFIG",
            "NVIDIA_TF32_OVERRIDE|NVIDIA_VISIBLE_DEVICES|NCCL_(?:ALGO|PROTO|DEBUG)",
            "HIP_VISIBLE_DEVICES|ROCR_VISIBLE_DEVICES",
            "TF_(?:DETERMINISTIC_OPS|CUDNN_DETERMINISTIC|ENABLE_ONEDNN_OPTS)|XLA_FLAGS",
            "PYTORCH_(?:CUDA_ALLOC_CONF|ALLOC_CONF|ENABLE_MPS_FALLBACK)|JAX_[A-Z0-9_]+",
            "TORCH_(?:ALLOW_TF32_CUBLAS_OVERRIDE|COMPILE_DISABLE)|KERAS_BACKEND",
            "TOKENIZERS_PARALLELISM|HF_(?:HUB|DATASETS)_OFFLINE|TRANSFORMERS_OFFLINE",
            # How text and times come out.
            "LANG|LANGUAGE|LC_[A-Z]+|TZ|SOURCE_DATE_EPOCH",
            "LD_LIBRARY_PATH|LD_PRELOAD|MALLOC_ARENA_MAX",
            # Who else works on the same.
            "RANK|LOCAL_RANK|WORLD_SIZE|LOCAL_WORLD_SIZE|NODE_RANK",
            "SLURM_(?:JOB_ID|JOB_NAME|NNODES|NTASKS|PROCID|ARRAY_TASK_ID|CPUS_PER_TASK)",
            "CI|GITHUB_(?:RUN_ID|RUN_ATTEMPT|REPOSITORY|WORKFLOW|SHA|REF_NAME)",
            "CI_(?:JOB_ID|PIPELINE_ID|PROJECT_PATH|COMMIT_SHA|COMMIT_REF_NAME)",
            "LAKEBED_(?:SEED|IMAGE)",
        )
    )
)
_VALUE_CHARS_MAX = 4000


def read_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `environ` that may be recorded, by name."""
    return {
        name: mask_text(value.encode("utf-8", "backslashreplace").decode())[
            :_VALUE_CHARS_MAX
        ]
        for name, value in sorted(environ.items())
        if _RECORDED.fullmatch(name)
    }
