"""Compiles the operations for the TensorFlow of this Python: ``python app/engine/native/build.py``.

They are an extra: without a C++ compiler, or on other processors, the engine does with TensorFlow's own.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent
# They belong to one TensorFlow, so they stay where that is installed.
LIBRARIES = Path(sys.prefix) / "lib" / "style-transfer-art"
# The sets of instructions that kernels are compiled for: the floats of their vectors, the compiler's options.
INSTRUCTIONS = {
    "avx2": (8, ["-mavx2", "-mfma", "-mf16c"]),
    "avx512": (16, ["-mavx512f", "-mfma", "-mprefer-vector-width=512"]),
}
OPTIONS = ["-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall"]
# How the names of files end that see TensorFlow; the others are compiled for each set of instructions.
OPERATION = "_op"

log = logging.getLogger(__name__)


def library_path() -> Path:
    """Where the library for this TensorFlow and these sources is, or would be."""
    import tensorflow as tf

    sources = [*sorted(SOURCES.glob("*.cc")), *sorted(SOURCES.glob("*.h")), Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return LIBRARIES / f"operations-{tf.__version__}-{digest[:12]}.so"


def build() -> None:
    """Compile, unless it was done before or there is nothing to compile with.

    Raises:
        OSError: there is no room for the library.
        subprocess.CalledProcessError: the compiler refuses.
    """
    library = library_path()
    if library.exists():
        return
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        log.warning("TensorFlow's own operations will do: ours need a C++ compiler, and Linux on x86-64.")
        return
    LIBRARIES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LIBRARIES) as folder:
        made = _compile(compiler, Path(folder))
        for old in LIBRARIES.glob("operations-*.so"):
            old.unlink()
        made.replace(library)


def _compile(compiler: str, folder: Path) -> Path:
    import tensorflow as tf

    # What comes with TensorFlow is not for us to warn about.
    tensorflow = [flag.replace("-I", "-isystem", 1) for flag in tf.sysconfig.get_compile_flags()]
    sources = sorted(SOURCES.glob("*.cc"))
    operations = [source for source in sources if source.stem.endswith(OPERATION)]
    kernels = [source for source in sources if source not in operations]
    # Of a template that several files have the linker keeps the first, so the plainest code comes first.
    versions = [("tensorflow", tensorflow, operations)]
    for name, (lanes, flags) in INSTRUCTIONS.items():
        versions.append((name, [*flags, f"-DINSTRUCTIONS={name}", f"-DLANES={lanes}"], kernels))
    objects = []
    for name, flags, files in versions:
        for source in files:
            objects.append(folder / f"{source.stem}-{name}.o")
            _run(compiler, *OPTIONS, *flags, "-c", source, "-o", objects[-1])
    library = folder / "operations.so"
    _run(compiler, "-shared", "-o", library, *objects, *tf.sysconfig.get_link_flags())
    return library


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - the compiler that the operator chose, on our sources


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(format="%(message)s")
    try:
        build()
    except (OSError, subprocess.CalledProcessError) as error:
        log.warning("TensorFlow's own operations will do: ours cannot be compiled (%s).", error)
