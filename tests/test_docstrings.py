"""Every public name of the library says what it is."""

import inspect
import pkgutil
from importlib import import_module

import pytest
from pydantic import BaseModel

import ddpm

MODULES = sorted(module.name for module in pkgutil.walk_packages(ddpm.__path__, "ddpm."))


def undocumented(module_name):
    module = import_module(module_name)
    if not module.__doc__ and module_name != "ddpm.version":
        yield module.__name__
    for name, thing in list(vars(module).items()):
        is_own = getattr(thing, "__module__", None) == module.__name__
        if name.startswith("_") or not is_own or not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if not thing.__doc__:
            yield f"{module.__name__}.{name}"
        if inspect.isclass(thing):
            yield from (f"{module.__name__}.{name}.{method}" for method in undocumented_methods(thing))


def undocumented_methods(thing):
    for name, method in list(vars(thing).items()):
        if isinstance(method, property) and getattr(thing, "_is_protocol", False):
            continue  # what a protocol's attributes are, the protocol says
        function = getattr(method, "fget", None) or getattr(method, "__func__", method)
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        # What a base class has said need not be said again; nor what every torch module's forward is.
        said = any(inspect.getdoc(getattr(base, name, None)) for base in thing.__mro__[1:])
        if not function.__doc__ and not said and name != "forward":
            yield name


@pytest.mark.parametrize("module_name", MODULES)
def test_every_public_name_is_documented(module_name):
    assert list(undocumented(module_name)) == []


def test_every_field_of_a_recipe_is_described():
    from ddpm import config

    models = [
        thing for thing in vars(config).values() if inspect.isclass(thing) and issubclass(thing, BaseModel)
    ]
    sections = set(config.sections())
    missing = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description and name not in sections
    ]
    assert len(models) >= 7
    assert missing == []
