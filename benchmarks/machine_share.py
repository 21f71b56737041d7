"""How much of what the machine can do a training step takes: its operations a second over those of matrix products.

    python benchmarks/machine_share.py [--steps 10] [--batches 128 256 512] [--write]

On a CPU the network of 3.9 M parameters that ``training_step.py`` races, in batches of 64; on an NVIDIA GPU that of
the DDPM paper for CIFAR-10 (35.7 M) as well, compiled with CUDA graphs. Products are of 2048 x 2048 in the same type.
"""

import argparse
import statistics
import time

import step_contestants as contestants
import torch
from results import table, write_section

TITLE = "Training step against the machine"
NO_GPU = "not measured: no NVIDIA GPU here"
THREE_LEVELS = {"dim_mults": (1, 2, 4), "attention_levels": (2,)}
# Ho et al. 2020, appendix B: one head of attention at 16 x 16.
CIFAR10 = {
    "dim": 128,
    "dim_mults": (1, 2, 2, 2),
    "attention_levels": (1,),
    "attention_head_dim": 256,
    "norm_groups": 32,
    "dropout": 0.1,
    "downsample_padding": "end",
}
CPU_GOAL, GPU_GOAL = 0.6, 0.45


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10, help="measured steps (default 10)")
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[128, 256, 512], help="of the CIFAR-10 network"
    )
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    cuda = torch.cuda.is_available()
    rows = [
        row(
            "three levels",
            THREE_LEVELS,
            contestants.BATCH,
            "auto",
            None if cuda else CPU_GOAL,
            arguments.steps,
        )
    ]
    for batch in arguments.batches:
        if cuda:
            rows.append(row("CIFAR-10 of the paper", CIFAR10, batch, "on", GPU_GOAL, arguments.steps))
        else:
            rows.append(["CIFAR-10 of the paper", "35.7 M", f"{batch}", "", "", NO_GPU, f"{GPU_GOAL:.0%}"])
    header = ["network", "parameters", "batch", "GFLOP a step", "images/s", "share of products", "goal"]
    text = table(header, rows)
    print(text)
    if arguments.write:
        write_section(TITLE, text, ("torch",))
    return 0


def row(name: str, model: dict, batch: int, compiled: str, goal: float | None, steps: int) -> list[str]:
    # A compiled network's operations are out of the counter's sight, so that they are counted before.
    operations = contestants.flops_of(contestants.ours(3, model, batch_size=batch, compile="off"))
    contestant = contestants.ours(3, model, batch_size=batch, compile=compiled)
    for _ in range(3):
        contestant.step()
    shares, rates = [], []
    for _ in range(steps):
        product_rate = contestants.product_rate(contestant.dtype)
        contestants.wait()
        started = time.perf_counter()
        contestant.step()
        contestants.wait()
        seconds = time.perf_counter() - started
        shares.append(operations / seconds / product_rate)
        rates.append(batch / seconds)
    parameters = sum(parameter.numel() for parameter in contestant.network.parameters())
    return [
        f"{name} ({str(contestant.dtype).removeprefix('torch.')})",
        f"{parameters / 1e6:.2f} M",
        f"{batch}",
        f"{operations / 1e9:.0f}",
        f"{statistics.median(rates):.1f}",
        f"{statistics.median(shares):.0%}",
        f"{goal:.0%}" if goal else "",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
