//! Soft values and the losses of the critics: the equations of the specification's sections 4 to 6 that
//! a variant chooses. When they are used is left to `step`.

use burn::tensor::Tensor;

use crate::algo::sac::{Backup, CriticLoss};

/// The row of target values each critic's soft value is taken of, `[C, B, A]` → `[C or 1, B, A]`.
pub(super) fn backed_up(backup: Backup, target_q: Tensor<3>) -> Tensor<3> {
    match backup {
        Backup::Single => target_q,
        Backup::Double => target_q.flip([0]),
        Backup::Clipped => target_q.min_dim(0),
        Backup::Mean => target_q.mean_dim(0),
    }
}

/// `Qagg`: what actor and value network take of the online critics, `[C, B, A]` → `[1, B, A]`.
pub(super) fn aggregated(backup: Backup, q: Tensor<3>) -> Tensor<3> {
    match backup {
        Backup::Single => q,
        Backup::Clipped => q.min_dim(0),
        Backup::Double | Backup::Mean => q.mean_dim(0),
    }
}

/// `Σ_a p(a) (q(a) − alpha log p(a))`, without the second term where `alpha` is absent:
/// `[1, B, A]` and `[C, B, A]` → `[C, B, 1]`.
pub(super) fn soft_values(log_policy: Tensor<3>, q: Tensor<3>, alpha: Option<Tensor<3>>) -> Tensor<3> {
    let soft_q = match alpha {
        Some(alpha) => q - log_policy.clone() * alpha,
        None => q,
    };
    (log_policy.exp() * soft_q).sum_dim(2)
}

/// `ell(d)` of every TD error; Huber has delta = 1.
pub(super) fn regression(kind: CriticLoss, td_error: Tensor<3>) -> Tensor<3> {
    match kind {
        CriticLoss::Mse => td_error.clone() * td_error,
        // c (|d| − c/2) with c = min(|d|, 1) is ½d² inside and |d| − ½ outside, without a branch.
        CriticLoss::Huber => {
            let distance = td_error.abs();
            let inside = distance.clone().clamp_max(1.0);
            inside.clone() * (distance - inside * 0.5)
        }
    }
}

/// `qc = Qbar + clip(Q − Qbar, ±limit)`, `[C, B, 1]`: only a clip that binds makes a difference, and then
/// `qc` is constant, so it is one everywhere (SD-SAC, Zhou et al. 2022).
pub(super) fn clipped(q: Tensor<3>, target_q: Tensor<3>, limit: f32) -> Tensor<3> {
    q.inner().max_pair(target_q.clone() - limit).min_pair(target_q + limit)
}

/// What critics output: `Q`, or `h(Q)` with value rescaling of this `eps`
/// ([`ValueRescaling`](crate::algo::sac::ValueRescaling)).
#[derive(Debug, Clone, Copy)]
pub(super) struct Units(pub Option<f32>);

impl Units {
    /// `h⁻¹` of outputs.
    pub fn values(self, outputs: Tensor<3>) -> Tensor<3> {
        let Some(epsilon) = self.0 else { return outputs };
        let w = outputs.clone().abs() + (1.0 + epsilon);
        let u = w.clone() * 2.0 / ((w * (4.0 * epsilon) + 1.0).sqrt() + 1.0);
        (u.clone() - 1.0) * (u + 1.0) * outputs.sign()
    }

    /// `h` of values.
    pub fn outputs(self, values: Tensor<3>) -> Tensor<3> {
        let Some(epsilon) = self.0 else { return values };
        values.clone() / ((values.clone().abs() + 1.0).sqrt() + 1.0) + values * epsilon
    }
}
