"""Plain functions, as somebody's package has them."""

import threading
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Room(StrEnum):
    KITCHEN = "kitchen"
    HALL = "hall"


class Scene(BaseModel):
    name: str
    brightness: int = 50


def light(
    room: Room, on: bool, level: Annotated[int, Field(ge=0, le=100)] = 80, colour: str | None = None
) -> dict[str, object]:
    """Switch a light, and set
    how bright it is.

    It takes a moment.

    Args:
        room: Where the light is.
        on: Whether it shall be on.
        level (int): How bright it is,
            in percent.

    Returns:
        What it is now.
    """
    return {"room": room, "on": on, "level": level, "colour": colour}


def sphinx(city: str, unit: Literal["C", "F"] = "C") -> str:
    """The weather.

    :param city: Where.
    :param str unit: Of the temperature.
    :returns: words
    """
    return f"20 {unit} in {city}"


def show(scene: Scene) -> Scene:
    """Show a scene."""
    assert isinstance(scene, Scene)
    return scene


def thread() -> str:
    """Where it runs."""
    return threading.current_thread().name


async def patient() -> str:
    """An async one."""
    return threading.current_thread().name


def everything(*names: str) -> None:
    """Takes any number of names."""


def untyped(name) -> None:  # type: ignore[no-untyped-def]
    """Nobody knows what it takes."""


CONSTANT = 3
