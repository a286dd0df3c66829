"""The native part; use the classes of the package instead."""

from os import PathLike

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]
_Bytes = npt.NDArray[np.uint8]
_Step = tuple[
    _Floats,
    _Bytes,
    npt.NDArray[np.float64],
    npt.NDArray[np.bool_],
    npt.NDArray[np.bool_],
    npt.NDArray[np.bool_],
    npt.NDArray[np.float64],
    tuple[_Floats, _Bytes] | None,
]

__version__: str

class Arenas:
    def __init__(
        self,
        world: str,
        level: str | PathLike[str] | None,
        held_out: bool,
        options: str,
        num_envs: int,
        partner: str | None,
        opponent: str | None,
        threads: int,
        episode_limit: int | None,
        autoreset: str,
    ) -> None: ...
    def spec(self) -> str: ...
    def begin(self, mask: list[bool], seeds: list[int | None] | None) -> tuple[_Floats, _Bytes]: ...
    def picture(self, env: int) -> tuple[_Bytes, tuple[int, int]]: ...
    def step_discrete(self, actions: npt.NDArray[np.int64]) -> _Step: ...
    def step_continuous(self, actions: npt.NDArray[np.float32]) -> _Step: ...

def catalogue() -> str: ...
def fingerprint(world: str, level: str | None = None, options: str = "{}") -> str: ...
