#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains models/trained_cnn.onnx: digits drawn by this script, read by a small CNN full of BatchNormalization.

The task is real (ten digits as strokes, moved, turned, sheared, of varying width and contrast, in noise), the data need
no download, and the statistics of every BatchNormalization are those of training. Each kind of layer that a
BatchNormalization folds into is there: Conv, depthwise Conv, pointwise Conv, ConvTranspose (in two groups), Gemm, and
MatMul, which is how PyTorch exports a Linear without bias.

Needs Debian's python3-torch and python3-numpy. Takes less than a minute; prints the accuracy on digits it never saw and
writes, beside itself, the model, test images, their labels and PyTorch's own scores for them.
"""
import pathlib

import numpy
import torch
from torch import nn

SIZE = 20
HERE = pathlib.Path(__file__).resolve().parent

# Digits as polylines in a unit square, y downwards; angles in half turns.


def arc(cx, cy, rx, ry, start, end):
    angles = numpy.linspace(start, end, 13) * numpy.pi
    return [(cx + rx * numpy.cos(a), cy + ry * numpy.sin(a)) for a in angles]


STROKES = {
    0: [arc(.5, .5, .28, .40, 0, 2)],
    1: [[(.35, .28), (.55, .10), (.55, .90)]],
    2: [arc(.5, .32, .26, .22, -1, .25) + [(.25, .90), (.78, .90)]],
    3: [arc(.47, .30, .26, .20, -.9, .5) + arc(.47, .70, .28, .20, -.5, .9)],
    4: [[(.65, .90), (.65, .10), (.22, .65), (.80, .65)]],
    5: [[(.75, .10), (.32, .10), (.30, .45)] + arc(.48, .65, .27, .24, -.6, .8)],
    6: [[(.66, .10), (.36, .45)] + arc(.5, .66, .25, .24, -1, 1)],
    7: [[(.22, .10), (.78, .10), (.42, .90)]],
    8: [arc(.5, .30, .22, .20, .5, 2.5), arc(.5, .70, .27, .20, -.5, 1.5)],
    9: [arc(.5, .34, .25, .24, 0, 2) + [(.66, .90)]],
}


def draw(digit, random):
    """One image: the distance of every pixel to the nearest stroke decides how dark it is."""
    turn, shear = random.normal(0, .16), random.normal(0, .15)
    stretch = random.uniform(.75, 1.1, size=2)
    shift = random.normal(0, .05, size=2)
    matrix = numpy.array([[numpy.cos(turn), -numpy.sin(turn) + shear], [numpy.sin(turn), numpy.cos(turn)]]) * stretch
    grid = (numpy.stack(numpy.meshgrid(numpy.arange(SIZE), numpy.arange(SIZE)), axis=-1) + .5) / SIZE
    nearest = numpy.full((SIZE, SIZE), numpy.inf)
    for stroke in STROKES[digit]:
        points = (numpy.array(stroke) + random.normal(0, .015, size=(len(stroke), 2)) - .5) @ matrix.T + .5 + shift
        for a, b in zip(points[:-1], points[1:]):
            along = numpy.clip(((grid - a) @ (b - a)) / max((b - a) @ (b - a), 1e-9), 0, 1)
            nearest = numpy.minimum(nearest, numpy.linalg.norm(grid - a - along[..., None] * (b - a), axis=-1))
    ink = numpy.clip((random.uniform(.05, .09) - nearest) * SIZE + .5, 0, 1)
    return ink * random.uniform(.5, 1) + random.normal(0, .12, size=ink.shape) + random.uniform(-.1, .1)


def make_digits(count, seed):
    random = numpy.random.default_rng(seed)
    labels = random.integers(0, 10, size=count)
    images = numpy.stack([draw(int(label), random) for label in labels])[:, None]
    return torch.tensor(images, dtype=torch.float32), torch.tensor(labels)


def make_network():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 12, 3, stride=2, padding=1, groups=12, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 24, 1), nn.BatchNorm2d(24), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(24, 16, 2, stride=2, groups=2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 48), nn.BatchNorm1d(48), nn.ReLU(),
        nn.Linear(48, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(),
        nn.Linear(32, 10))


def train(network, images, labels, epochs=14, batch=64):
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
    network.train()
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(images))[:len(images) // batch * batch].split(batch):
            loss = nn.functional.cross_entropy(network(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * batch
        print(f"epoch {epoch + 1:2d} of {epochs}: loss {total / len(images):.4f}", flush=True)
    network.eval()


def main():
    torch.manual_seed(20)
    torch.set_num_threads(1)   # one order of every sum: the same weights on every run
    network = make_network()
    images, labels = make_digits(8000, seed=1)
    train(network, images, labels)

    images, labels = make_digits(2000, seed=2)
    with torch.no_grad():
        accuracy = (network(images).argmax(1) == labels).float().mean().item()
        scores = network(images[:32])
    print(f"accuracy on 2000 unseen digits: {100 * accuracy:.2f} %")

    numpy.save(HERE / "trained_cnn.images.npy", images[:32].numpy())
    numpy.save(HERE / "trained_cnn.labels.npy", labels[:32].numpy())
    numpy.save(HERE / "trained_cnn.scores.npy", scores.numpy())
    # PRESERVE, on a network in evaluation mode: the exporter's EVAL would fold the BatchNormalization itself.
    torch.onnx.export(network, images[:2], HERE / "trained_cnn.onnx", opset_version=13,
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                      input_names=["images"], output_names=["scores"],
                      dynamic_axes={"images": {0: "batch"}, "scores": {0: "batch"}})


if __name__ == "__main__":
    main()
