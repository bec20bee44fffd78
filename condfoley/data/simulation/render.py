"""Off-screen rendering of MuJoCo scenes: one OpenGL context for all scenes of a process."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condfoley.errors import InputError

os.environ.setdefault("MUJOCO_GL", "egl")

_contexts: dict[int, Any] = {}  # by process id, because a context does not survive a fork


def open_context() -> Any:
    """This process's OpenGL context, made current.

    Tries the backend named by MUJOCO_GL, then EGL, then OSMesa. Raises InputError when none works.
    """
    context = _contexts.get(os.getpid())
    if context is None:
        context = _contexts[os.getpid()] = _create()
    context.make_current()
    return context


def _create() -> Any:
    reasons = []
    for backend in dict.fromkeys((os.environ["MUJOCO_GL"], "egl", "osmesa")):
        os.environ["MUJOCO_GL"] = backend
        os.environ.pop("PYOPENGL_PLATFORM", None)  # set by the backend that failed
        try:
            return importlib.import_module(f"mujoco.{backend}").GLContext(16, 16)
        except Exception as error:  # noqa: BLE001 - drivers and PyOpenGL raise all kinds of errors
            reasons.append(f"{backend}: {error}".splitlines()[0])
    raise InputError(f"cannot draw without a screen ({'; '.join(reasons)}); install MuJoCo and libEGL or libOSMesa")


class Renderer:
    """Renders one model at size x size pixels. A context manager, because it holds graphics memory."""

    def __init__(self, model: Any, size: int) -> None:
        import mujoco

        open_context()
        self._mujoco, self._model = mujoco, model
        model.vis.global_.offwidth = model.vis.global_.offheight = size
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=400)
        self._options, self._perturbation = mujoco.MjvOption(), mujoco.MjvPerturb()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = 0
        self._window = mujoco.MjrRect(0, 0, size, size)

    def __enter__(self) -> Renderer:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self._context.free()

    def draw(self, data: Any) -> NDArray[np.uint8]:
        """The model's state seen by its camera 0: (size, size, 3) uint8 RGB."""
        mujoco = self._mujoco
        mujoco.mjv_updateScene(
            self._model, data, self._options, self._perturbation, self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value, self._scene,
        )  # fmt: skip
        image = np.empty((self._window.height, self._window.width, 3), np.uint8)
        mujoco.mjr_render(self._window, self._scene, self._context)
        mujoco.mjr_readPixels(image, None, self._window, self._context)
        return image[::-1]
