"""Tests of tfdeblur.export.model_card."""

import dataclasses

import pytest

from tfdeblur.export.model_card import ModelFacts, write_model_card

FACTS = ModelFacts(
    name="pages",
    summary="Sharpens pages.",
    scale=4,
    data="Rendered pages.",
    training={"Steps": "40,000", "Time": "5 h"},
    scores={"PSNR (dB)": {"bicubic": 16.78, "restored": 19.5}, "SSIM": {"restored": 0.8912}},
    score_protocol="100 pages, RGB.",
    licence="Apache-2.0",
    limits=("Handwriting.", "Photographs."),
)

CARD = """# pages

Sharpens pages.

## Use

`tfdeblur restore INPUT --output=DIR --model=pages` writes images of 4 times the size. \
The files beside this card run without tfdeblur, too: see docs/export.md.

## Data

Rendered pages.

## Training

|  |  |
| --- | --- |
| Steps | 40,000 |
| Time | 5 h |

## Scores

100 pages, RGB.

|  | bicubic | restored |
| --- | --- | --- |
| PSNR (dB) | 16.78 | 19.5 |
| SSIM |  | 0.8912 |

## Limits

- Handwriting.
- Photographs.

## Licence

Apache-2.0
"""


def test_a_card_states_every_fact():
    assert write_model_card(FACTS) == CARD


def test_notes_end_the_card():
    card = write_model_card(dataclasses.replace(FACTS, notes="More to say.\n"))
    assert card == CARD + "\n## Notes\n\nMore to say.\n"


def test_a_model_of_scale_one_keeps_the_size():
    card = write_model_card(dataclasses.replace(FACTS, scale=1))
    assert "writes images of the size of its input." in card


@pytest.mark.parametrize("field", ["data", "licence", "limits", "training"])
def test_an_empty_fact_is_refused(field):
    empty = dataclasses.replace(FACTS, **{field: type(getattr(FACTS, field))()})
    with pytest.raises(ValueError, match=f"`{field}` of a model card must not be empty"):
        write_model_card(empty)
