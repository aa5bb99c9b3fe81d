"""Which kind of sound and which kind of picture make each scene.

Three pairs of scenes share a sound and three other pairs share a picture, so one
modality alone cannot pass 0.7 of ten equally frequent scenes; the two together
name every scene.
"""

from __future__ import annotations

from typing import NamedTuple


class Scene(NamedTuple):
    """A row of SOUNDS and a row of PICTURES."""

    sound: str
    picture: str


SCENES = {
    "airport": Scene("chime", "arches"),  # announcements; vaults
    "bus": Scene("swell", "poles"),  # engine; handrails
    "metro": Scene("rails", "seats"),  # rail joints; rows of seats
    "metro_station": Scene("rise", "arches"),  # a train pulls out; vaults
    "park": Scene("birds", "foliage"),
    "public_square": Scene("weave", "paving"),  # a busker; flagstones
    "shopping_mall": Scene("chime", "lamps"),  # announcements; ceiling lights
    "street_pedestrian": Scene("fall", "paving"),  # calls; flagstones
    "street_traffic": Scene("swell", "lanes"),  # engines; lanes to the horizon
    "tram": Scene("rails", "poles"),  # rail joints; handrails
}
