"""Schedulers of diffusers over our float64 tables, and computing in float64 where they would in float32."""

import sys

import torch


class Float64Torch:
    """torch, but what asks for float32 gets float64."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def in_float64(monkeypatch, scheduler_class, tape):
    """Let the module of a scheduler compute in float64 and take its noise from a tape."""
    module = sys.modules[scheduler_class.__module__]
    monkeypatch.setattr(module, "torch", Float64Torch())
    monkeypatch.setattr(module, "randn_tensor", lambda *_args, **_options: tape(), raising=False)


def exact(scheduler_class, schedule, **options):
    """A scheduler of diffusers over our float64 tables; its own are float32."""
    scheduler = scheduler_class(schedule.T, timestep_spacing="trailing", **options)
    scheduler.betas, scheduler.alphas_cumprod = schedule.beta, schedule.alpha_bar
    scheduler.one = scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    scheduler.initial_alpha_cumprod = scheduler.one
    return scheduler


def with_exact_sigmas(scheduler, schedule, visited):
    """diffusers keeps sigmas and timesteps in float32, and counts trailing timesteps by adding floats."""
    scheduler.set_timesteps(len(visited))
    sigmas = ((1 - schedule.alpha_bar) / schedule.alpha_bar).sqrt()[visited]
    scheduler.timesteps = torch.tensor(visited, dtype=torch.float64)
    scheduler.sigmas = torch.cat([sigmas, sigmas.new_zeros(1)])
    return scheduler
