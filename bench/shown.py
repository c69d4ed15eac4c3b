"""The READMEs' part: a chart and a table, a row for each place where users stand, from result files."""

from __future__ import annotations

from dataclasses import dataclass

from bench.peers import FRESH
from bench.results import Record, Results, fastest_peer, ratio
from bench.tables import duration, head, number, row

# Cases of every kind, and not only those that win; what they are called in English and in Chinese.
SHOWN = {
    "layer_norm (1,768)": ("a small call: LayerNorm of one token", "小调用：一个词元的 LayerNorm"),
    "layer_norm (2048,768)": ("LayerNorm, data in cache", "LayerNorm，数据在缓存中"),
    "layer_norm (100000,16)": ("LayerNorm, short rows", "LayerNorm，短行"),
    "layer_norm (2048,768) cold caches": ("LayerNorm, data from memory", "LayerNorm，数据在内存中"),
    "rms_norm (128,768)": ("RMSNorm", "RMSNorm"),
    "batch_norm_train (32,64,56,56)": ("BatchNorm in training", "训练中的 BatchNorm"),
    "group_norm (8,320,64,64) 32 groups": ("GroupNorm", "GroupNorm"),
    "moments (4096,4096) axes (0,1)": ("mean and variance of everything", "全部数据的均值和方差"),
    "group_standardize (1000000,20) 1000 groups float64": ("z-scores in 1000 groups", "分 1000 组的 z 分数"),
    "nanvar (4096,4096) axes (0,) 10% NaN": ("variance of columns with holes", "带缺失值的各列方差"),
    "rolling_moments_1000 (1,1000000) axes (-1,) float64": ("rolling mean and variance", "滚动均值和方差"),
    "zscore (1000000,20)": ("z-scores of columns", "各列的 z 分数"),
    "scaler_row (1,20)": ("a fitted StandardScaler, one row", "拟合好的 StandardScaler，一行"),
    "image_normalize (224,224,3) uint8": ("a picture, uint8 to floats", "一张图片，uint8 转浮点"),
}
NAMES = {
    "numpy": "NumPy",
    "sklearn": "scikit-learn",
    "scipy": "SciPy",
    "numba": "Numba",
    "pandas": "pandas",
    "bottleneck": "Bottleneck",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "opencv": "OpenCV",
    "lut": "a NumPy table",
}


@dataclass(frozen=True)
class Words:
    """A README's language: which of a case's names, the heads of the table, what the numbers mean."""

    place: int
    heads: tuple[str, ...]
    meaning: str
    chart: str


ENGLISH = Words(
    0,
    ("", "array", "cnorm", "NumPy", "torch", "the fastest of all"),
    "Times of others over cnorm's, one thread, a new array for each result: **above 1, cnorm is faster**.\n"
    "Medians of interleaved rounds on {where}.",
    "times of NumPy, of torch and of the fastest library over cnorm's",
)
CHINESE = Words(
    1,
    ("", "数组", "cnorm", "NumPy", "torch", "最快的库"),
    "其他库的用时除以 cnorm 的用时，单线程，每次都写入新数组：**大于 1 表示 cnorm 更快**。\n"
    "各库交替测量，取中位数；{where}。",
    "NumPy、torch 和最快的库的用时除以 cnorm 的用时",
)


def where(results: Results) -> str:
    """The CPU, and the versions of those the table names."""
    machine = results.machine
    records = [fresh(results, case) for case in SHOWN]
    fastest = {found[0] for r in records if r and (found := fastest_peer(r))}
    named = [name for name in machine["versions"] if name in {"numpy", "torch", *fastest}]
    versions = ", ".join(
        f"{NAMES.get(name, name)} {machine['versions'][name]}" for name in named if name != "lut"
    )
    return f"{machine['cpu']} ({machine['isa']}), {machine['system']}; {versions}"


def fresh(results: Results, case: str) -> Record | None:
    """A case with the fewest threads, new outputs."""
    records = results.select(results.threads[0], FRESH)
    return next((r for r in records if r["case"] == case), None)


def array(case: str) -> str:
    """The shape of a case."""
    return case[case.index("(") : case.index(")") + 1].replace(",", ", ")


def shown_row(case: str, record: Record | None, words: Words) -> str:
    """A line of the table; without numbers where a run left the case out."""
    if record is None:
        return row([SHOWN[case][words.place], array(case), "", "", "", ""])
    numbers = [number(ratio(record, who)) for who in ("numpy", "torch")]
    best = fastest_peer(record)
    fastest = f"{number(best[1])} {NAMES.get(best[0], best[0])}" if best else ""
    time = duration(record["times"]["cnorm"]["median"])
    return row([SHOWN[case][words.place], array(case), time, *numbers, fastest])


def short(results: Results, image: str, words: Words = ENGLISH) -> str:
    """A README's part."""
    lines = [
        words.meaning.format(where=where(results)),
        "",
        f"![{words.chart}]({image})",
        "",
        *head([*words.heads]),
    ]
    return "\n".join([*lines, *(shown_row(case, fresh(results, case), words) for case in SHOWN)])
