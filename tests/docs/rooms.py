"""The imports between rooms, as docs/design.md draws them."""

from __future__ import annotations

from tests.test_architecture import MAY_IMPORT, imports, modules, room_of

Arrow = tuple[str, str]


def import_arrows() -> set[Arrow]:
    """Return each pair of rooms of which the first imports the second; `app`, the entry, is left out."""
    found = {(room_of(module.package), room_of(name)) for module in modules() for _, name in imports(module.tree)}
    return {(room, target) for room, target in found if room != target and room != "app" and target in MAY_IMPORT}


def drawn_arrows() -> set[Arrow]:
    """Return the arrows of the drawing: the imports, without those that other arrows imply."""
    arrows = import_arrows()
    return {(room, target) for room, target in arrows if not _is_implied(room, target, arrows)}


def _is_implied(room: str, target: str, arrows: set[Arrow]) -> bool:
    between = {middle for start, middle in arrows if start == room} - {target}
    return any(target in _reached(middle, arrows) for middle in between)


def _reached(room: str, arrows: set[Arrow]) -> set[str]:
    """Return every room that can be reached from a room."""
    found: set[str] = set()
    new = {room}
    while new:
        new = {target for start, target in arrows if start in new} - found
        found |= new
    return found
