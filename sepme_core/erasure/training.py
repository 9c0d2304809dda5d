"""A plan made ready for the loop."""

from sepme_core.base import Base
from sepme_core.cross_attention import conditioned_matrices
from sepme_core.erasure.correlation import Candidate, Trainee
from sepme_core.erasure.evidence import Drawn, training_latents
from sepme_core.erasure.plan import Plan
from sepme_core.erasure.shared import Shared


def make_trainee(shared: Shared, plan: Plan, drawn: Drawn, start: Candidate | None = None) -> Trainee:
    """The concept as the loop takes it; ``start`` is the plan's solution where none is given."""
    start = start or first_weights(shared.base, plan)
    directions = start.directions.double().cpu()
    scale = (directions * (plan.moments.concept @ directions)).sum(0).clamp_min(0).sqrt().float().clamp_min(1e-6)
    return Trainee(start, scale.to(shared.base.device), training_latents(shared, drawn), plan.regular)


def first_weights(base: Base, plan: Plan) -> Candidate:
    """The start: w = W M^T for each matrix of weight W."""
    factor = plan.solution.matrix.T.to(base.device)
    weights = {
        path: (linear.weight.double() @ factor).float()  # (d_out, rank)
        for path, linear in conditioned_matrices(base.unet).items()
    }
    return Candidate(plan.solution.directions.float().contiguous().to(base.device), weights)
