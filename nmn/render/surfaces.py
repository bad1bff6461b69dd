"""How rubber and metal answer light (the node graphs of CLEVR's materials, in closed form).

Rubber: `mix(A, glossy, Fresnel at 1.2)` with `A = mix(diffuse(c), velvet(c), Fresnel at 1.4)` and
`glossy` white, .8, Beckmann of roughness .35. Metal: 40% GGX of roughness .2 and 60% of roughness
.01, both of the object's colour.
"""

import math

import torch
from torch import Tensor

from nmn.render.bodies import Scalars, Vectors, dot, normalized

GLOSS_FRESNEL, VELVET_FRESNEL = 1.2, 1.4
"""Indices of refraction that say how much of the layers is seen."""
GLOSS, GLOSS_ROUGHNESS = 0.8, 0.35
VELVET_SPREAD = 0.6
ROUGH_SHARE, ROUGHNESS = 0.4, 0.2
"""Of metal."""

_LEAST = 1e-3


def fresnel(cosine: Scalars, index: float) -> Scalars:
    """The share of light that a smooth surface reflects, unpolarised."""
    g = (index * index - 1 + cosine * cosine).sqrt()
    first = (g - cosine) / (g + cosine)
    second = (cosine * (g + cosine) - 1) / (cosine * (g - cosine) + 1)
    return 0.5 * first * first * (1 + second * second)


def gloss(normal: Vectors, view: Vectors, light: Vectors, facing: Scalars) -> Scalars:
    """Beckmann's microfacets times the cosine at the light, for rubber.

    Args:
        facing: cosine between `normal` and `light`, not negative.
    """
    half = normalized(view + light)
    cosine = dot(normal, half).clamp(_LEAST, 1)
    squared = cosine * cosine
    spread = GLOSS_ROUGHNESS**2
    density = ((squared - 1) / (squared * spread)).exp() / (math.pi * spread * squared * squared)
    seen = dot(normal, view).clamp_min(_LEAST)
    return density * _masking(cosine, dot(view, half), seen, facing) / (4 * seen)


def velvet(normal: Vectors, view: Vectors, light: Vectors, facing: Scalars) -> Scalars:
    """Ashikhmin's velvet times the cosine at the light."""
    half = normalized(view + light)
    cosine = dot(normal, half).clamp(_LEAST, 1 - 1e-6)
    sine2 = 1 - cosine * cosine
    inverse = 1 / VELVET_SPREAD**2
    density = (-cosine * cosine / sine2 * inverse).exp() * inverse / (math.pi * sine2 * sine2)
    seen = dot(normal, view).clamp_min(_LEAST)
    return 0.25 * density * _masking(cosine, dot(view, half), seen, facing) / seen


def metal_glow(
    normal: Vectors, view: Vectors, light: Vectors, facing: Scalars, spread: Scalars
) -> Scalars:
    """GGX of metal's rough part times the cosine at the light.

    Args:
        spread: width of the light in radians, which makes the highlight wider.
    """
    half = normalized(view + light)
    cosine = dot(normal, half).clamp(_LEAST, 1)
    rough = (ROUGHNESS + 0.25 * spread).square()
    under = cosine * cosine * (rough - 1) + 1
    density = rough / (math.pi * under * under)
    seen = dot(normal, view).clamp_min(_LEAST)
    return density * _masking(cosine, dot(view, half), seen, facing) / (4 * seen)


def _masking(cosine: Scalars, meeting: Scalars, seen: Scalars, facing: Scalars) -> Scalars:
    """Torrance and Sparrow's shadowing of facets by each other."""
    least = torch.minimum(seen, facing)
    return (2 * cosine * least / meeting.clamp_min(_LEAST)).clamp_max(1)


def mirrored(view: Tensor, normal: Vectors) -> Vectors:
    """Where a mirror sends the line of sight; `view` is towards the eye."""
    return 2 * dot(normal, view) * normal - view
