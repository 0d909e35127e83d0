"""Compiles the operations for the TensorFlow of this Python: ``python app/engine/native/build.py``.

They are optional: without a C++ compiler, or on other processors, the engine uses TensorFlow's own.
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
# A library belongs to one TensorFlow, so it lies where that is installed.
LIBRARIES = Path(sys.prefix) / "lib" / "style-transfer-art"
# The sets of instructions that kernels are compiled for: floats per vector, and the compiler's options.
INSTRUCTIONS = {
    "avx2": (8, ["-mavx2", "-mfma", "-mf16c"]),
    "avx512": (16, ["-mavx512f", "-mfma", "-mprefer-vector-width=512"]),
}
OPTIONS = ["-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall"]
# The ending of files that include TensorFlow; the others are compiled for each set of instructions.
OPERATION = "_op"

log = logging.getLogger(__name__)


def library_path() -> Path:
    """The library for this TensorFlow and these sources, whether it is there or not."""
    import tensorflow as tf

    sources = [*sorted(SOURCES.glob("*.cc")), *sorted(SOURCES.glob("*.h")), Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return LIBRARIES / f"operations-{tf.__version__}-{digest[:12]}.so"


def build() -> None:
    """Compile, unless the library is there or there is no compiler.

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
        # Libraries of other sources stay: another checkout of the project may use them.
        _compile(compiler, Path(folder)).replace(library)


def _compile(compiler: str, folder: Path) -> Path:
    import tensorflow as tf

    # TensorFlow's headers are system headers, so that the compiler does not warn of them.
    tensorflow = [flag.replace("-I", "-isystem", 1) for flag in tf.sysconfig.get_compile_flags()]
    sources = sorted(SOURCES.glob("*.cc"))
    operations = [source for source in sources if source.stem.endswith(OPERATION)]
    kernels = [source for source in sources if source not in operations]
    # The linker keeps the first of equal templates, so the code for the oldest processors comes first.
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
