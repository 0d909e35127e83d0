"""The comparison with other engines: what is said of the figures, and the processes that make them."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue, StyleFacts
from app.engine.networks.checkpoints import save_checkpoint
from app.engine.networks.config import NetworkConfig
from bench.peers.chart import chart
from bench.peers.driver import Driver, Failure, Process, difference
from bench.peers.engines import ENGINES, Engine, Job
from bench.peers.main import main, prepare_jobs, write
from bench.peers.network import random_checkpoint
from bench.peers.results import Report, Result, load_report, time_ratio
from bench.peers.table import comparisons, failures, page, table
from bench.photos import prepare_photo

SIZE = (96, 64)


def make_result(name: str, size: tuple[int, int] = (512, 512), **values: object) -> Result:
    engine = next(engine for engine in ENGINES if engine.name == name)
    result = Result(name, size, engine.title, engine.network, engine.precision)
    result.picture_size, result.peak_bytes = size, 250_000_000
    return replace(result, **values)  # type: ignore[arg-type]


@pytest.fixture
def report() -> Report:
    """Four engines at 512 and one at 1024 pixels, of which one broke and one answered with less."""
    report = Report("Some processor, 2 cores", "Weights of chance.")
    small = [
        make_result("ours/published/float32", seconds={0: 0.1, 1: 0.2, 2: 0.3}, difference=(0.01, 1)),
        make_result(
            "onnxruntime/published/float32", seconds={0: 0.2, 1: 0.2, 2: 0.2}, peak_bytes=1_500_000_000
        ),
        make_result("torch/published/float32", failure="torch is not installed"),
        make_result("tensorflow/published/float32", failure="ValueError: " + "far too long a story" * 4),
    ]
    report.replace((512, 512), small, "python -m bench peers --sizes 512x512")
    lite = make_result("lite/own/float32", (2048, 2048), seconds={0: 0.5}, picture_size=(1024, 1024))
    report.replace((2048, 2048), [lite], "python -m bench peers --sizes 2048x2048")
    return report


def test_ratio_pairs_the_rounds() -> None:
    # A round in which the machine was slow counts for both sides: 2, 2 and 2, whatever the medians say.
    one = make_result("ours/house/float32", seconds={0: 2.0, 1: 20.0, 2: 4.0})
    other = make_result("lite/own/float32", seconds={0: 1.0, 1: 10.0, 2: 2.0, 3: 77.0})
    assert time_ratio(one, other) == 2.0
    assert time_ratio(one, replace(other, failure="out of memory")) is None
    assert time_ratio(one, None) is None
    assert time_ratio(one, replace(other, picture_size=(256, 256))) is None


def test_table_has_figures_and_failures(report: Report) -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(report).splitlines()[2:]]
    assert rows[0][3:] == ["float32", "200 ms", "100 ms", "763", "1.00", "0.25 GB", "0.010, at most 1"]
    assert rows[1][8] == "1.50 GB"
    assert rows[2][4] == "torch is not installed"
    assert rows[3][4] == "failed"
    assert rows[4][4] == "500 ms for 1024x1024"
    assert failures(report).startswith("- tensorflow/published/float32 at 512x512: ValueError: far too long")
    assert comparisons(report) == (
        "- ours/published/float32 takes, of the time of onnxruntime/published/float32: 1.00 at 512x512."
    )


def test_page_tells_machine_and_commands(report: Report) -> None:
    text = page(report, "peers.svg")
    for expected in ("Some processor, 2 cores", "](peers.svg)", "--sizes 512x512`", "--sizes 2048x2048`"):
        assert expected in text


def test_chart_draws_every_engine(report: Report) -> None:
    root = ElementTree.fromstring(chart(report))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for expected in ("This engine", "ONNX Runtime", "200 ms", "1.50 GB", "torch is not installed", "failed"):
        assert expected in texts
    kinds = [element.get("class") for element in root.iter("{http://www.w3.org/2000/svg}rect")]
    # One in the legend, and one in each of the two panels.
    assert kinds.count("ours") == 3
    assert kinds.count("hollow") == 3
    width = float(root.get("viewBox", "").split()[2])
    for element in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(element.get("x", 0)) + float(element.get("width", 0)) <= width


def test_sizes_of_the_same_machine_are_kept(report: Report, tmp_path: Path) -> None:
    write(report, tmp_path)
    assert load_report(tmp_path / "peers.json") == report
    again = Report(report.machine, "Weights.")
    again.replace((512, 512), [make_result("ours/house/float32", seconds={0: 1.0})], "again")
    write(again, tmp_path)
    joined = load_report(tmp_path / "peers.json")
    assert [result.name for result in joined.at((512, 512))] == ["ours/house/float32"]
    assert joined.at((2048, 2048)) == report.at((2048, 2048))
    assert joined.commands["512x512"] == "again"
    write(replace(again, machine="Another"), tmp_path)
    assert load_report(tmp_path / "peers.json").sizes == [(512, 512)]


def test_difference_of_two_pictures(tmp_path: Path) -> None:
    black = np.zeros((2, 2, 3), np.uint8)
    spot = black.copy()
    spot[0, 0, 0] = 240
    for name, picture in (("a", black), ("b", spot)):
        np.save(tmp_path / f"{name}.npy", picture)
    assert difference(tmp_path / "a.npy", tmp_path / "b.npy") == (20.0, 240)
    assert difference(tmp_path / "b.npy", tmp_path / "a.npy") == (20.0, 240)


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, Job]:
    return prepare_jobs(tmp_path, random_checkpoint("published"))


def find(name: str) -> Engine:
    return next(engine for engine in ENGINES if engine.name == name)


def make_driver(names: list[str], jobs: dict[str, Job], folder: Path, peers: Path) -> Driver:
    engines = [find(name) for name in names]
    return Driver(
        jobs={engine.name: jobs[engine.network] for engine in engines},
        pythons={engine.name: peers if engine.peer else Path(sys.executable) for engine in engines},
        folder=folder,
    )


@pytest.mark.soak
def test_engines_paint_in_turn_and_missing_ones_are_told(jobs: dict[str, Job], tmp_path: Path) -> None:
    names = ["ours/published/float32", "tensorflow/published/float32", "openvino/published/float32"]
    measuring = make_driver(names, jobs, tmp_path, peers=tmp_path / "nowhere" / "python")
    ours, plain, missing = measuring.measure([find(name) for name in names], SIZE, rounds=4)
    assert not ours.failure
    assert not plain.failure
    assert list(ours.seconds) == list(plain.seconds) == [0, 1, 2, 3]
    assert ours.library.startswith("TensorFlow ")
    assert 50_000_000 < plain.peak_bytes < 5_000_000_000
    # The published network written twice, here and in the benchmark: the same pixels.
    assert ours.reference == "tensorflow/published/float32"  # ONNX Runtime is not among them
    assert ours.difference is not None
    assert ours.difference[1] <= 1
    assert "make bench" in missing.failure


def test_a_killed_process_ran_out_of_memory(jobs: dict[str, Job], tmp_path: Path) -> None:
    engine = find("tensorflow/published/float32")
    process = Process(engine, jobs["published"], Path(sys.executable), tmp_path / "log")
    try:
        os.kill(process.number, signal.SIGKILL)
        with pytest.raises(Failure, match="out of memory"):
            process.run(tmp_path / "photo.npy")
    finally:
        process.stop()


def test_a_slow_run_is_given_up(jobs: dict[str, Job], tmp_path: Path) -> None:
    photo = prepare_photo("coffee.jpg", (512, 512), tmp_path)
    process = Process(
        find("tensorflow/published/float32"), jobs["published"], Path(sys.executable), tmp_path / "log"
    )
    try:
        with pytest.raises(Failure, match="more than 0 s"):
            process.run(photo, limit=0.001)
    finally:
        process.stop()


def test_a_broken_run_says_what_broke(jobs: dict[str, Job], tmp_path: Path) -> None:
    process = Process(
        find("tensorflow/published/float32"), jobs["published"], Path(sys.executable), tmp_path / "log"
    )
    try:
        with pytest.raises(Failure, match="FileNotFoundError"):
            process.run(tmp_path / "nothing.npy")
    finally:
        process.stop()


def test_exported_network_has_the_engine_s_pixels(jobs: dict[str, Job], tmp_path: Path) -> None:
    names = ["ours/published/float32", "onnxruntime/published/float32"]
    driver = make_driver(names, jobs, tmp_path, peers=Path(sys.executable))
    results = driver.measure([find(name) for name in names], SIZE, rounds=1)
    assert not any(result.failure for result in results)
    paths = [tmp_path / f"{name.replace('/', '-')}-96x64.npy" for name in names]
    assert difference(*paths)[1] <= 1
    assert np.load(paths[0]).std() > 10


def test_a_house_network_is_exported_with_its_skips(tmp_path: Path) -> None:
    config = NetworkConfig(8, 3, 1, skips=2, fine_blocks=1)
    path = tmp_path / "skips.npz"
    save_checkpoint(path, random_checkpoint("chance", config))
    job = Job("skips", tmp_path, path, "chance", "float32")
    names = ["ours/house/float32", "onnxruntime/house/float32"]
    driver = make_driver(names, {"house": job}, tmp_path, peers=Path(sys.executable))
    Catalogue([tmp_path]).add(StyleFacts("chance", "Chance"), path.name)
    results = driver.measure([find(name) for name in names], SIZE, rounds=1)
    assert not any(result.failure for result in results)
    assert results[0].difference is not None
    assert results[0].difference[1] <= 1


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(SystemExit, match="No engine is called that"):
        main(["--engines", "tensorflaw"])


def test_requirements_of_peers_are_pinned() -> None:
    lines = (PROJECT_ROOT / "bench" / "requirements-peers.txt").read_text().splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))
