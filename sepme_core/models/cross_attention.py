"""Where a prompt enters the U-Net: the cross-attention layers, their K and V, and how a request hands them over.

``to_k`` and ``to_v`` of the cross-attention see the prompt alone, so for one request K and V are the same at every
denoising step. They are computed once, with the increments of the request's mask, and travel as an argument of the
U-Net's call. The U-Net itself stays as it was loaded: it knows no masks and holds no state of a request.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor, nn

KeysAndValues = Mapping[str, tuple[Tensor, Tensor]]
"""Per cross-attention layer: K and V, each (batch, tokens, d_out)."""


class Factors(Protocol):
    """What conditioning needs of an increment."""

    @property
    def directions(self) -> Tensor:
        """Q, float32 (d_in, rank)."""
        ...

    def weight(self, matrix: str) -> Tensor:
        """w of one ``to_k`` or ``to_v``, (d_out, rank)."""
        ...


def cross_attention_layers(unet: nn.Module) -> dict[str, Attention]:
    """Every cross-attention of the U-Net by module path, in the order of the network."""
    return {
        path: module
        for path, module in unet.named_modules()
        if isinstance(module, Attention) and module.is_cross_attention
    }


def conditioned_matrices(unet: nn.Module) -> dict[str, nn.Linear]:
    """Every ``to_k`` and ``to_v`` that sees the prompt, by module path; weights are (d_out, d_in)."""
    matrices: dict[str, nn.Linear] = {}
    for path, layer in cross_attention_layers(unet).items():
        for name in ("to_k", "to_v"):
            linear = getattr(layer, name)
            assert isinstance(linear, nn.Linear)
            matrices[f"{path}.{name}"] = linear
    return matrices


def keys_and_values(
    unet: UNet2DConditionModel, embeddings: Tensor, increments: Sequence[Factors], rows: Sequence[int]
) -> KeysAndValues:
    """K and V of one request under its mask: to_k(E) + sum_i (E Q_i) w_i^T, and V likewise.

    ``embeddings`` is E, (batch, tokens, d_in). ``rows`` are the rows of the batch that the mask acts on; the rows of
    the empty prompt stay out, since no increment touches them. The first term is computed as the layer itself does;
    with no increment, or for rows left out, nothing is added, so these are bit-identical to the plain U-Net's.
    """
    chosen = rows_on(embeddings.device, rows)
    projected = [embeddings[chosen].float() @ factors.directions.to(embeddings.device) for factors in increments]
    computed: dict[str, Tensor] = {}
    for path, linear in conditioned_matrices(unet).items():
        plain = linear(embeddings)  # (batch, tokens, d_out)
        if len(chosen) and increments:
            total = plain[chosen].float()
            for factors, reached in zip(increments, projected, strict=True):
                total = total + reached @ factors.weight(path).to(reached).T
            plain = plain.index_copy(0, chosen, total.to(plain.dtype))
        computed[path] = plain
    layers = cross_attention_layers(unet)
    return {path: (computed[f"{path}.to_k"], computed[f"{path}.to_v"]) for path in layers}


def rows_on(device: torch.device, rows: Sequence[int]) -> Tensor:
    """Row numbers on the device; those of a range are counted there, so that nothing is copied and waited for."""
    if isinstance(rows, range):
        return torch.arange(rows.start, rows.stop, rows.step, device=device)
    return torch.tensor(list(rows), dtype=torch.long, device=device)


class SelfAttentionProcessor(AttnProcessor2_0):  # type: ignore[misc]
    """The plain processor; it accepts, and has no use for, the K and V meant for the cross-attention."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        given: KeysAndValues | None = None,  # noqa: ARG002
    ) -> Tensor:
        """As the plain processor."""
        attended: Tensor = super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        return attended


class GivenKeysProcessor(AttnProcessor2_0):  # type: ignore[misc]
    """Cross-attention that takes K and V from the call's arguments, and is the plain one where none are given."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        given: KeysAndValues | None = None,
    ) -> Tensor:
        """Hidden states (batch, positions, d_model) in and out."""
        if given is None:
            plain: Tensor = super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
            return plain
        key, value = given[self.path]
        attended = attend(attn, attn.to_q(hidden_states), key, value)
        return attn.to_out[1](attn.to_out[0](attended)) / attn.rescale_output_factor


def attend(attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Multi-head attention of Q (batch, positions, d_out) over K and V (batch, tokens, d_out)."""
    query, key, value = (part.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for part in (query, key, value))
    attended = nn.functional.scaled_dot_product_attention(query, key, value)  # (batch, heads, positions, d_head)
    return attended.transpose(1, 2).flatten(2).to(query.dtype)


def install_processors(unet: UNet2DConditionModel) -> None:
    """Let the U-Net take K and V as ``cross_attention_kwargs={"given": ...}``; without, it is the plain U-Net."""
    crossing = cross_attention_layers(unet)
    processors: dict[str, Any] = {}
    for name in unet.attn_processors:
        path = name.removesuffix(".processor")
        processors[name] = GivenKeysProcessor(path) if path in crossing else SelfAttentionProcessor()
    unet.set_attn_processor(processors)


def unsupported_layers(layers: Iterable[Attention]) -> list[str]:
    """Why a U-Net's cross-attention cannot take given K and V; empty where it can."""
    reasons: dict[str, Callable[[Attention], bool]] = {
        "a group norm before the attention": lambda layer: layer.group_norm is not None,
        "a spatial norm": lambda layer: layer.spatial_norm is not None,
        "a norm of the prompt": lambda layer: layer.norm_cross is not None,
        "a residual inside the attention": lambda layer: layer.residual_connection,
        "a norm of Q or K": lambda layer: layer.norm_q is not None or layer.norm_k is not None,
    }
    return [reason for reason, applies in reasons.items() if any(applies(layer) for layer in layers)]
