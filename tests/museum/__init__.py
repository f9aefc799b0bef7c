"""A museum of wrong layers and losses, `WRONG`, and a collection of right ones, `RIGHT`.

Each class is entered in its table by the decorator above it, which says how to call its check and,
for a wrong one, which checks may reject it and a word of the hint that it deserves. README.md
says which file takes the next case.
"""

import importlib
import pkgutil

from .tables import RIGHT, WRONG

__all__ = ["RIGHT", "WRONG"]

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
