"""Is an orthogonalised gradient tangent?"""

import numpy as np
import pytest


def orthogonalised(g):
    u, s, v = np.linalg.svd(g, full_matrices=False)
    keep = s > 1e-12 * s[0]
    return u[:, keep] @ v[keep]


@pytest.mark.parametrize(
    ("g", "w", "product"),
    [
        (np.diag([2.0, 1.0]), np.diag([1.0, -2.0]), -1),
        (np.diag([1.0, 1.0]), np.diag([1.0, -1.0]), 0),  # equal singular values
        (np.outer([3.0, 4.0], [1.0, 2.0]), np.array([[4.0, 0.0], [-3.0, 0.0]]), 0),  # rank one
    ],
)
def test_a_tangent_gradient_gives_a_tangent_update_if_its_singular_values_are_equal(g, w, product):
    assert (g * w).sum() == 0
    update = orthogonalised(g)
    assert (update * w).sum() == pytest.approx(product, abs=1e-12)  # float64, four products
    assert (update**2).sum() == pytest.approx(np.linalg.matrix_rank(g))
