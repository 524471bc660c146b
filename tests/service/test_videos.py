"""The videos API, as OpenAI's own client speaks it."""

from __future__ import annotations

import io
import time

import av
import openai
import pytest
from PIL import Image

from tests.service.conftest import served

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

SMALL = {"num_frames": "4", "num_inference_steps": "2"}


@pytest.fixture(scope="module")
def openai_client(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service")) as address:
        yield openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


def polled(client, video):
    end = time.monotonic() + 60
    while video.status in ("queued", "in_progress") and time.monotonic() < end:
        time.sleep(0.05)
        video = client.videos.retrieve(video.id)
    return video


def test_the_openai_client_creates_polls_downloads_lists_and_deletes(openai_client):
    videos = openai_client.videos
    created = videos.create(prompt="a volcano wakes up", model="miniworld", size="64x64", extra_body=SMALL | {"fps": "4"})
    assert (created.object, created.status, created.seconds, created.size) == ("video", "queued", "1", "64x64")
    assert created.model == "miniworld"
    done = polled(openai_client, created)
    assert (done.status, done.progress, done.error, done.id) == ("completed", 100, None, created.id)
    assert done.completed_at >= done.created_at
    content = videos.download_content(done.id).read()
    with av.open(io.BytesIO(content), "r") as video:
        assert sum(1 for _ in video.decode(video=0)) == 4
        assert video.streams.video[0].average_rate == 4
    thumbnail = Image.open(io.BytesIO(videos.download_content(done.id, variant="thumbnail").read()))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (256, 256))  # as the exporter enlarges it
    assert Image.open(io.BytesIO(videos.download_content(done.id, variant="spritesheet").read())).format == "PNG"
    assert [video.id for video in videos.list()] == [done.id]
    deleted = videos.delete(done.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (done.id, True, "video.deleted")
    for gone in (videos.retrieve, videos.delete, videos.download_content):
        with pytest.raises(openai.NotFoundError):
            gone(done.id)


def test_the_list_comes_page_by_page_in_both_directions(openai_client):
    made = [openai_client.videos.create(prompt="a volcano wakes up", extra_body=SMALL).id for _ in range(5)]
    assert [video.id for video in openai_client.videos.list(limit=2)] == made[::-1]
    assert [video.id for video in openai_client.videos.list(limit=2, order="asc", after=made[1])] == made[2:]
    for video in made:
        openai_client.videos.delete(video)
    assert list(openai_client.videos.list()) == []


def test_an_error_is_of_the_class_that_the_client_knows_and_says_what_to_do(openai_client):
    with pytest.raises(openai.BadRequestError) as raised:
        openai_client.videos.create(prompt="a volcano wakes up", model="minwold")
    assert raised.value.code == "invalid_spec"
    assert "miniworld" in raised.value.message
    with pytest.raises(openai.BadRequestError) as raised:
        openai_client.videos.create(prompt="a volcano wakes up", extra_body={"flow_shift": "3"})
    assert raised.value.param == "flow_shift"
    assert "scheduler" in str(raised.value.body)
    with pytest.raises(openai.BadRequestError) as raised:
        openai_client.videos.create(prompt="a volcano wakes up", extra_body={"fpss": "3"})
    assert raised.value.code == "unknown_parameter"
    created = openai_client.videos.create(prompt="a volcano wakes up", extra_body=SMALL | {"num_inference_steps": "100"})
    with pytest.raises(openai.APIStatusError) as raised:
        openai_client.videos.download_content(created.id)
    assert raised.value.code == "not_completed"
    openai_client.videos.delete(created.id)
