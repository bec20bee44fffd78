"""HTTP routes of clips: uploads, the library, and what a clip looks and sounds like."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response

from condfoley.errors import InputError
from condfoley.server.uploads import safe_name
from condfoley.studio.clips import (
    Clip,
    clip_json,
    clips_of,
    keep_upload,
    link_file,
    read_clip,
    remove_clip,
    require_room,
    touch,
)
from condfoley.studio.events import events_json
from condfoley.studio.fitting import fitting_json
from condfoley.studio.options import MEGABYTE
from condfoley.studio.proxies import media_state, proxy_path
from condfoley.studio.requests import LibraryFile
from condfoley.studio.server import Studio
from condfoley.studio.sounds import Sounds
from condfoley.studio.strips import strip_jpeg
from condfoley.studio.uploads import received

FRESH = {"Cache-Control": "private, max-age=3600"}
Json = dict[str, Any]


def add_clip_routes(app: FastAPI, studio: Studio) -> None:
    """Adds all routes below /api/clips and /api/library."""
    _add_list_routes(app, studio)
    _add_media_routes(app, studio)
    _add_view_routes(app, studio, Sounds())


def _add_list_routes(app: FastAPI, studio: Studio) -> None:
    def shown(clip: Clip) -> Json:
        return clip_json(clip, media_state(clip, studio.background))

    @app.post("/api/clips", status_code=201)
    async def upload(request: Request, name: Annotated[str, Query(max_length=1000)] = "") -> Json:
        workspace = studio.workspace(request)
        left = await run_in_threadpool(require_room, workspace, studio.limits)
        most = min(left, studio.options.max_upload * MEGABYTE)
        async with received(request, workspace, safe_name(name, "recording"), most) as part:
            clip = await run_in_threadpool(keep_upload, workspace, part, studio.limits)
        return await run_in_threadpool(shown, clip)

    @app.get("/api/clips")
    def list_clips(request: Request) -> list[Json]:
        studio.sweep()
        return [shown(clip) for clip in clips_of(studio.workspace(request))]

    @app.get("/api/clips/{key}")
    def one_clip(request: Request, key: str) -> Json:
        return shown(read_clip(studio.workspace(request), key))

    @app.delete("/api/clips/{key}", status_code=204)
    def remove(request: Request, key: str) -> None:
        remove_clip(studio.workspace(request), key)

    @app.get("/api/library")
    def library() -> list[Json]:
        return studio.library.files()

    @app.post("/api/library", status_code=201)
    def use(request: Request, file: LibraryFile) -> Json:
        path = studio.library.find(file.name)
        return shown(link_file(studio.workspace(request), path, studio.limits))


def _add_media_routes(app: FastAPI, studio: Studio) -> None:
    @app.get("/api/clips/{key}/media", response_class=FileResponse)
    def media(request: Request, key: str) -> FileResponse:
        clip = read_clip(studio.workspace(request), key)
        state = media_state(clip, studio.background)
        if state["state"] == "failed":
            raise HTTPException(422, state["error"])
        if state["state"] != "ready":
            raise HTTPException(409, "a smaller copy that browsers play is being made; ask again soon")
        touch(clip)
        path, media_type = clip.path, clip.media_type
        if state["proxy"]:
            path = proxy_path(clip)
            media_type = f"{'video' if clip.picture else 'audio'}/{path.suffix[1:]}"
        return FileResponse(
            path, media_type=media_type, filename=clip.name, content_disposition_type="inline", headers=FRESH
        )

    @app.get("/api/clips/{key}/events")
    def events(request: Request, key: str) -> Json:
        return events_json(read_clip(studio.workspace(request), key), studio.background, studio.model)

    @app.get("/api/clips/{key}/fitting")
    def fitting(request: Request, key: str) -> Json:
        return fitting_json(read_clip(studio.workspace(request), key), studio)

    @app.get("/api/clips/{key}/strip.jpg")
    def strip(
        request: Request, key: str, begin: float = 0.0, end: float | None = None, count: int = 12, height: int = 64
    ) -> Response:
        clip = read_clip(studio.workspace(request), key)
        if clip.picture is None:
            raise InputError(f"{clip.name} has no picture")
        small = proxy_path(clip)
        path = small if not clip.plays and small.is_file() else clip.path  # quicker to read
        version = path.stat().st_mtime_ns
        until = clip.duration if end is None else min(end, clip.duration)
        return Response(strip_jpeg(path, version, begin, until, count, height), media_type="image/jpeg", headers=FRESH)


def _add_view_routes(app: FastAPI, studio: Studio, sounds: Sounds) -> None:
    @app.get("/api/clips/{key}/peaks")
    def peaks(
        request: Request, key: str, begin: float | None = None, end: float | None = None, points: int = 1000
    ) -> Json:
        from condfoley.studio.peaks import peaks_json

        return peaks_json(sounds.of(_heard(request, key)), begin, end, points)

    @app.get("/api/clips/{key}/spectrogram.png")
    def spectrogram(
        request: Request,
        key: str,
        begin: float | None = None,
        end: float | None = None,
        width: int = 800,
        height: int = 128,
    ) -> Response:
        from condfoley.studio.peaks import span_in_samples
        from condfoley.studio.spectrogram import spectrogram_png

        sound = sounds.of(_heard(request, key))
        first, last = span_in_samples(begin, end, sound.rate, sound.samples.shape[1])
        picture = spectrogram_png(sound.samples, sound.rate, first, last, width, height)
        return Response(picture, media_type="image/png", headers=FRESH)

    @app.get("/api/clips/{key}/sound")
    def sound(request: Request, key: str, begin: float | None = None, end: float | None = None) -> Response:
        from condfoley.studio.listening import wav_bytes
        from condfoley.studio.peaks import span_in_samples

        heard = sounds.of(_heard(request, key))
        first, last = span_in_samples(begin, end, heard.rate, heard.samples.shape[1])
        return Response(wav_bytes(heard.samples[:, first:last], heard.rate), media_type="audio/wav", headers=FRESH)

    def _heard(request: Request, key: str) -> Clip:
        clip = read_clip(studio.workspace(request), key)
        if clip.sound is None:
            raise InputError(f"{clip.name} has no sound")
        return clip
