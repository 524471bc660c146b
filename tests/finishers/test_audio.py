"""``audio``: a sine of a known pitch, read from a file, laid over a clip, muxed into an MP4, and read back."""

from __future__ import annotations

import json
import os
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vstar_sdk import Guard, Options, PluginError, Sound, SpecError, hookimpl
from vstar_sdk.finishers.audio import Audio, AudioOptions
from vstar_sdk.output.soundtrack import fitted
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.testing.finishers import check_finisher

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 8,
    "size": [32, 32],
    "synopsis": {"use": "miniworld", "states": 2},
    "regularizers": [],
    "sampling": {"steps": 2},
    "output": [{"use": "mp4"}, {"use": "gif"}],
}


def sine(seconds: float, rate: int = 44100, pitch: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)


def write_wav(path: Path, seconds: float, rate: int = 44100, channels: int = 1) -> Path:
    samples = (sine(seconds, rate)[:, None].repeat(channels, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def heard(path: Path) -> tuple[np.ndarray, int, int]:
    """The samples of the first channel of a film, their rate, and how many frames it has beside them."""
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        frames = video.frames
        parts = [frame.to_ndarray()[0] for frame in container.decode(audio)]
        return np.concatenate(parts), audio.rate, frames


def loudness(samples: np.ndarray, start: float, end: float, rate: int) -> float:
    return float(np.sqrt(np.mean(np.square(samples[round(start * rate) : round(end * rate)]))))


def sound_of(path: Path) -> Sound:
    return Audio(AudioOptions(file=str(path))).sound()


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (16000, 2), (48000, 2)])
def test_the_samples_are_those_of_the_file(tmp_path, rate, channels):
    sound = sound_of(write_wav(tmp_path / "a.wav", 0.5, rate, channels))
    assert (sound.name, sound.rate, sound.channels) == ("a.wav", rate, channels)
    samples = np.concatenate(list(sound.samples()))
    assert samples.shape == (round(0.5 * rate), channels)
    assert np.abs(samples[:, -1] - sine(0.5, rate)).max() < 1e-4
    assert np.array_equal(samples, np.concatenate(list(sound.samples())))


def test_rates_that_no_video_has_are_resampled_and_many_channels_are_mixed_to_two(tmp_path):
    sound = sound_of(write_wav(tmp_path / "a.wav", 0.5, 96000, 6))
    assert (sound.rate, sound.channels) == (48000, 2)
    assert abs(sum(map(len, sound.samples())) - 24000) < 64


@pytest.mark.parametrize(("seconds", "longer"), [(Fraction(1), True), (Fraction(3), False)])
def test_it_is_cut_off_or_goes_on_in_silence(tmp_path, seconds, longer):
    sound = sound_of(write_wav(tmp_path / "a.wav", 2.0, 8000))
    samples = np.concatenate(list(fitted(sound, seconds)))[:, 0]
    assert len(samples) == seconds * 8000
    assert np.abs(samples[:8000] - sine(1.0, 8000)).max() < 1e-4
    if not longer:
        assert not samples[16000:].any()


@pytest.mark.parametrize("length", [0.4, 5.0], ids=["shorter", "longer"])
def test_a_film_has_its_frames_and_a_sound_of_their_length(session, tmp_path, length):
    write_wav(tmp_path / "theme.wav", length)
    (tmp_path / "story.json").write_text(json.dumps(STORY | {"finish": [{"use": "audio", "file": "theme.wav"}]}))
    result = session.run(load_spec(tmp_path / "story.json"), out=tmp_path / "run")
    samples, rate, frames = heard(tmp_path / "run" / "video.mp4")
    assert (rate, frames) == (44100, 8)
    assert 0 <= len(samples) - 44100 <= 1024  # 8 frames at 8 fps are a second, in whole packets
    assert loudness(samples, 0.05, 0.35, rate) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert loudness(samples, 0.5, 0.95, rate) == pytest.approx(0.0 if length < 1 else 0.5 / np.sqrt(2), rel=0.05, abs=1e-3)
    spectrum = np.abs(np.fft.rfft(samples[2000:17000]))
    assert spectrum.argmax() * rate / 15000 == pytest.approx(440, abs=5)
    assert result.manifest["sound"] == {"name": "theme.wav", "rate": 44100, "channels": 1}
    again = session.run(load_spec(tmp_path / "run" / "spec.yaml"), out=tmp_path / "again")
    assert np.array_equal(heard(tmp_path / "again" / "video.mp4")[0], samples)
    assert again.manifest["sound"] == result.manifest["sound"]


def test_frames_are_the_same_with_a_sound(session, tmp_path):
    wav = write_wav(tmp_path / "a.wav", 1.0)
    plain = list(session.run(STORY).frames())
    assert np.array_equal(list(session.run(STORY | {"finish": [{"use": "audio", "file": str(wav)}]}).frames()), plain)


def test_a_sound_is_as_long_as_the_finished_clip(session, tmp_path):
    wav = write_wav(tmp_path / "a.wav", 5.0)
    finish = [{"use": "audio", "file": str(wav)}, {"use": "interpolate", "factor": 2, "method": "blend"}]
    session.run(STORY | {"finish": finish}, out=tmp_path / "run")
    samples, rate, frames = heard(tmp_path / "run" / "video.mp4")
    assert frames == 15
    assert 0 <= len(samples) - round(15 / 16 * rate) <= 1024


def test_the_plan_says_who_writes_it(tmp_path):
    from vstar_sdk.cli.description import describe, plan_data

    wav = write_wav(tmp_path / "a.wav", 1.0)
    finish = {"finish": [{"use": "audio", "file": str(wav)}]}
    plan = make_plan(load_spec(STORY | finish))
    assert "with the sound a.wav (44100 Hz, mono): mp4 writes it, gif leaves it out" in describe(plan)
    assert plan_data(plan)["sound"] == {"name": "a.wav", "rate": 44100, "channels": 1}
    assert not any("sound" in warning for warning in plan.warnings())
    silent = make_plan(load_spec(STORY | finish | {"output": [{"use": "gif"}]}))
    assert silent.warnings()[-1] == "no exporter of the spec writes the sound a.wav: mp4 would"
    assert plan_data(make_plan(load_spec(STORY)))["sound"] is None


def strange(kind: str, folder: Path) -> Path:
    """A file that is no sound."""
    if kind == "missing":
        return folder / "a.wav"
    if kind == "a pipe":
        os.mkfifo(folder / "a.wav")
    elif kind == "a folder":
        (folder / "a.wav").mkdir()
    elif kind == "another name":
        return write_wav(folder / "a.wav", 0.1).rename(folder / "a.txt")
    else:
        (folder / "a.wav").write_bytes(b"" if kind == "empty" else b"#EXTM3U\nfile:///etc/passwd\n" * 40)
    return folder / "a.wav"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "No such file"),
        ("a pipe", "it is a device or a pipe"),
        ("a folder", "it is a folder"),
        ("another name", "its name must end in one of wav, flac, mp3, ogg"),
        ("empty", "cannot be read"),
        ("a playlist", "cannot be read"),
    ],
)
def test_what_is_no_sound_is_refused_with_its_place(tmp_path, kind, words):
    with pytest.raises(SpecError, match=words) as refused:
        make_plan(load_spec(STORY | {"finish": [{"use": "audio", "file": str(strange(kind, tmp_path))}]}))
    assert refused.value.path == ("finish", 0, "file")


def test_a_guard_looks_at_the_file(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "story.json").write_text(json.dumps(STORY | {"finish": [{"use": "audio", "file": "../a.wav"}]}))
    write_wav(tmp_path / "a.wav", 0.1)
    with pytest.raises(SpecError, match=r"finish\[0\]\.file: leads outside of the folders that are allowed"):
        load_spec(tmp_path / "inside" / "story.json", guard=Guard(roots=(tmp_path / "inside",)))
    load_spec(tmp_path / "inside" / "story.json", guard=Guard(roots=(tmp_path,)))


def test_a_clip_has_one_sound(tmp_path):
    one, other = write_wav(tmp_path / "a.wav", 1.0), write_wav(tmp_path / "b.wav", 1.0)
    with pytest.raises(SpecError, match=r"finish\[1\]: the clip has the sound a\.wav already"):
        make_plan(load_spec(STORY | {"finish": [{"use": "audio", "file": str(path)} for path in (one, other)]}))


def test_it_keeps_the_contract(tmp_path):
    check_finisher(lambda: Audio(AudioOptions(file=str(write_wav(tmp_path / "a.wav", 0.1)))))


class Host:
    """A host's plugin with a finisher that hums."""

    namespace = "kit"

    def __init__(self, sound: Any) -> None:
        self.sound = sound

    @hookimpl
    def register_finishers(self, register):
        register("hum", options=Options, factory=lambda options: Hum(self.sound), summary="A hum.")


class Hum(Audio):
    def __init__(self, sound):
        self.given = sound

    def sound(self):
        return self.given


def hum(**changes):
    def samples():
        yield np.full((4000, 1), 0.25, np.float32)

    return Sound(**({"name": "hum", "rate": 8000, "channels": 1, "samples": samples} | changes))


def test_a_plugin_may_bring_a_sound(session, tmp_path):
    result = session.run(STORY | {"finish": [{"use": "kit/hum"}]}, out=tmp_path / "run", plugins=[Host(hum())])
    samples, rate, _ = heard(tmp_path / "run" / "video.mp4")
    assert result.manifest["sound"] == {"name": "hum", "rate": 8000, "channels": 1}
    assert rate == 8000
    assert loudness(samples, 0.7, 0.95, rate) < 1e-3 < loudness(samples, 0.1, 0.4, rate)


def broken():
    raise ZeroDivisionError("no luck")
    yield


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        ("hum.wav", r"kit/hum .*its sound\(\) returned a str"),
        (hum(rate=7), "whose rate cannot be 7"),
        (hum(channels=5), "whose channels cannot be 5"),
        (hum(samples=broken), r"kit/hum .*ZeroDivisionError: no luck"),
    ],
    ids=["text", "rate", "channels", "fails"],
)
def test_a_sound_that_breaks_the_contract_is_told_by_name(session, tmp_path, sound, words):
    with pytest.raises(PluginError, match=words):
        session.run(STORY | {"finish": [{"use": "kit/hum"}]}, out=tmp_path / "run", plugins=[Host(sound)])
    assert not (tmp_path / "run" / "video.mp4").exists()
