"""Learn the species of a penguin from its measures, and write the model as JSON."""

import csv
import json
import math
import os
import random
import sys

MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
EPOCHS, RATE = 20, 0.05

table, model_file = sys.argv[1:]
with open(table, newline="") as file:
    rows = list(csv.DictReader(file))
numbers = [[float(row[name]) for name in MEASURES] for row in rows]
means = [sum(column) / len(rows) for column in zip(*numbers)]
spans = [max(column) - min(column) for column in zip(*numbers)]
birds = [
    ([1.0, *((x - m) / s for x, m, s in zip(bird, means, spans))], row["species"])
    for bird, row in zip(numbers, rows)
]
species = sorted({row["species"] for row in rows})
weights = {name: [0.0] * (len(MEASURES) + 1) for name in species}


def chances(bird: list[float]) -> dict[str, float]:
    scores = {
        name: math.exp(sum(w * x for w, x in zip(weights[name], bird)))
        for name in species
    }
    return {name: score / sum(scores.values()) for name, score in scores.items()}


random.seed(int(os.environ["LAKEBED_SEED"]))
for _ in range(EPOCHS):
    random.shuffle(birds)
    for bird, truth in birds:
        found = chances(bird)
        for name in species:
            miss = (name == truth) - found[name]
            weights[name] = [w + RATE * miss * x for w, x in zip(weights[name], bird)]

told = [max(species, key=chances(bird).__getitem__) for bird, _ in birds]
right = sum(name == truth for name, (_, truth) in zip(told, birds))
with open(model_file, "w") as file:
    json.dump({"means": means, "spans": spans, "weights": weights}, file, indent=1)
print(f"{right} of {len(birds)} birds told right")
