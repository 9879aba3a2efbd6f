"""pomegranate, torchgmm, tgmm, OpenCV and mlpack behind the interface of `adapters`."""

import json
import logging
import math
from typing import Any, ClassVar

import numpy as np

from comparison.adapters import Adapter, Job, Unsupported


class _Torch(Adapter):
    """What the three peers on PyTorch have in common."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        import torch

        torch.set_num_threads(job.n_threads)
        # else constants and sums of two of the three stay float32
        torch.set_default_dtype(torch.float32 if job.rows.dtype == np.float32 else torch.float64)
        torch.set_grad_enabled(False)
        self.torch = torch
        self.rows = torch.from_numpy(job.rows)


class Pomegranate(_Torch):
    """pomegranate's GeneralMixtureModel of Normal distributions."""

    distribution = "pomegranate"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        # covariances given must have 1 or 2 dimensions, and those of its "sphere" have none
        if job.covariance_type not in ("full", "diag"):
            raise Unsupported(
                f"its Normal has no {job.covariance_type} covariances that fit from a start"
            )

    def fit(self, n_iter: int) -> None:
        from pomegranate.distributions import Normal
        from pomegranate.gmm import GeneralMixtureModel

        job, tensor = self.job, self.torch.tensor
        parts = [
            Normal(tensor(mean), tensor(covariance), covariance_type=job.covariance_type)
            for mean, covariance in zip(job.means, job.covariances, strict=True)
        ]
        self.model = GeneralMixtureModel(
            parts, priors=tensor(job.weights), max_iter=n_iter, tol=-math.inf
        ).fit(self.rows)

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        parts = self.model.distributions
        means = np.stack([part.means.numpy() for part in parts])
        return self.model.priors.numpy(), means, np.stack([part.covs.numpy() for part in parts])

    def score_samples(self, rows: np.ndarray) -> Any:
        return self.model.log_probability(rows).numpy()

    def predict(self, rows: np.ndarray) -> Any:
        return self.model.predict(rows)

    def predict_proba(self, rows: np.ndarray) -> Any:
        return self.model.predict_proba(rows)


class TorchGMM(_Torch):
    """torchgmm, driven by its Lightning modules: its estimator takes means only as a start."""

    distribution = "torchgmm"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        from torchgmm.bayes import GaussianMixture

        self.precision = 32 if job.rows.dtype == np.float32 else 64
        self.estimator = GaussianMixture
        if job.covariance_type in ("full", "tied"):
            lower = np.linalg.cholesky(job.covariances)
            self.upper = np.swapaxes(np.linalg.inv(lower), -1, -2)
        else:
            self.upper = 1.0 / np.sqrt(job.covariances)

    def fit(self, n_iter: int) -> None:
        from torchgmm.base.data import DataLoader, collate_tensor, dataset_from_tensors
        from torchgmm.bayes.gmm.lightning_module import GaussianMixtureLightningModule
        from torchgmm.bayes.gmm.model import GaussianMixtureModel, GaussianMixtureModelConfig

        job, torch = self.job, self.torch
        config = GaussianMixtureModelConfig(
            job.n_components, job.rows.shape[1], job.covariance_type
        )
        self.model = GaussianMixtureModel(config).to(self.rows.dtype)
        self.model.component_probs.copy_(torch.tensor(job.weights))
        self.model.means.copy_(torch.tensor(job.means))
        self.model.precisions_cholesky.copy_(torch.tensor(self.upper))
        # one batch, and the module told so: its estimator takes two passes per iteration for one
        module = GaussianMixtureLightningModule(self.model, 0.0, 0.0, is_batch_training=False)
        loader = DataLoader(
            dataset_from_tensors(self.rows), batch_size=len(self.rows), collate_fn=collate_tensor
        )
        settings = {"precision": self.precision, "accelerator": "cpu"}
        trainer = self.estimator(trainer_params=settings).trainer(
            max_epochs=n_iter, enable_progress_bar=False
        )
        trainer.fit(module, loader)

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        model = self.model
        return model.component_probs.numpy(), model.means.numpy(), model.covariances.numpy()

    def score_samples(self, rows: np.ndarray) -> Any:
        return self.model(self.torch.from_numpy(rows))[1].numpy()

    def predict(self, rows: np.ndarray) -> Any:
        return self.model(self.torch.from_numpy(rows))[0].argmax(1).numpy()

    def predict_proba(self, rows: np.ndarray) -> Any:
        return self.model(self.torch.from_numpy(rows))[0].exp().numpy()


class TGMM(_Torch):
    """tgmm's GaussianMixture."""

    distribution = "tgmm"
    names: ClassVar = {
        "full": "full",
        "tied": "tied_full",
        "diag": "diag",
        "spherical": "spherical",
    }

    def fit(self, n_iter: int) -> None:
        from tgmm import GaussianMixture

        job, tensor = self.job, self.torch.tensor
        self.model = GaussianMixture(
            job.n_components,
            job.rows.shape[1],
            self.names[job.covariance_type],
            max_iter=n_iter,
            tol=np.finfo(np.float64).tiny,
            reg_covar=0.0,
            init_weights=tensor(job.weights),
            init_means=tensor(job.means),
            init_covariances=tensor(job.covariances),
            device="cpu",
        ).fit(self.rows)

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        model = self.model
        return model.weights_.numpy(), model.means_.numpy(), model.covariances_.numpy()

    def score_samples(self, rows: np.ndarray) -> Any:
        return self.model.score_samples(self.torch.from_numpy(rows)).numpy()

    def predict(self, rows: np.ndarray) -> Any:
        return self.model.predict(self.torch.from_numpy(rows)).numpy()

    def predict_proba(self, rows: np.ndarray) -> Any:
        return self.model.predict_proba(self.torch.from_numpy(rows)).numpy()


class OpenCV(Adapter):
    """cv2.ml.EM; OpenCV 5 has no ml module any more."""

    distribution = "opencv-python-headless"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        if job.rows.dtype != np.float64:
            raise Unsupported("computes in float64 only")
        import cv2

        cv2.setNumThreads(job.n_threads)
        kinds = {
            "full": cv2.ml.EM_COV_MAT_GENERIC,
            "diag": cv2.ml.EM_COV_MAT_DIAGONAL,
            "spherical": cv2.ml.EM_COV_MAT_SPHERICAL,
        }
        if job.covariance_type not in kinds:
            raise Unsupported(f"no {job.covariance_type} covariances")
        self.cv2, self.kind = cv2, kinds[job.covariance_type]
        eye = np.eye(job.rows.shape[1])
        shape = (-1, 1, 1) if job.covariance_type == "spherical" else (job.n_components, -1, 1)
        full = job.covariance_type == "full"
        matrices = job.covariances if full else job.covariances.reshape(shape) * eye
        # a plain array of three dimensions would be taken for an image with D channels
        self.matrices = cv2.Mat(np.ascontiguousarray(matrices), wrap_channels=False)

    def fit(self, n_iter: int) -> None:
        job = self.job
        self.model = self.cv2.ml.EM_create()
        self.model.setClustersNumber(job.n_components)
        self.model.setCovarianceMatrixType(self.kind)
        # it ends with an E-step, which it counts
        self.model.setTermCriteria((self.cv2.TERM_CRITERIA_COUNT, n_iter + 1, 0.0))
        self.model.trainE(job.rows, job.means, self.matrices, job.weights[None])

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        covariances = np.stack(self.model.getCovs())
        if self.job.covariance_type != "full":
            covariances = np.diagonal(covariances, axis1=1, axis2=2)
            if self.job.covariance_type == "spherical":
                covariances = covariances[:, 0]
        return self.model.getWeights().ravel(), self.model.getMeans(), covariances

    def score_samples(self, rows: np.ndarray) -> Any:
        if len(rows) > 1:
            raise Unsupported("one row per call")
        return np.array([self.model.predict2(rows)[0][0]])

    def predict(self, rows: np.ndarray) -> Any:
        return self.model.predict2(rows)[0][1]

    def predict_proba(self, rows: np.ndarray) -> Any:
        return self.model.predict2(rows)[1]


class MLPack(Adapter):
    """mlpack's gmm_train, from its own start: it runs k-means even where it is given a model."""

    distribution = "mlpack"
    own_start = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        if job.rows.dtype != np.float64:
            raise Unsupported("computes in float64 only")
        if job.covariance_type not in ("full", "diag"):
            raise Unsupported(f"no {job.covariance_type} covariances")
        import mlpack

        self.mlpack = mlpack

    def fit(self, n_iter: int) -> None:
        # it counts from 1 and stops before the last; one pass of k-means, the same for every n_iter
        self.model = self.mlpack.gmm_train(
            self.job.n_components,
            self.job.rows,
            diagonal_covariance=self.job.covariance_type == "diag",
            kmeans_max_iterations=1,
            max_iterations=n_iter + 1,
            no_force_positive=True,
            seed=1,
            tolerance=0.0,
        )["output_model"]

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        text = self.model._get_cpp_params()
        root = next(iter(json.loads(text, object_pairs_hook=_with_lists).values()))
        parts = [root["dists"]] if isinstance(root["dists"], dict) else root["dists"]
        means = np.stack([np.array(part["mean"]["elem"], dtype=float) for part in parts])
        covariances = np.stack(
            [np.array(part["covariance"]["elem"], dtype=float) for part in parts]
        )
        covariances = covariances.reshape(len(means), means.shape[1], means.shape[1])
        if self.job.covariance_type == "diag":
            covariances = np.diagonal(covariances, axis1=1, axis2=2)
        return np.array(root["weights"]["elem"], dtype=float), means, covariances

    def score_samples(self, rows: np.ndarray) -> Any:
        return np.log(np.ravel(self.mlpack.gmm_probability(rows, self.model)["output"]))


def _with_lists(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Matrices are written with one key "elem" per number: collect them."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key == "elem":
            found.setdefault(key, []).append(value)
        else:
            found[key] = value
    return found
