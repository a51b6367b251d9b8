import csv
import sys

with open(sys.argv[1], newline="") as file:
    rows = list(csv.reader(file))
complete = [row for row in rows if "NA" not in row]
with open(sys.argv[1], "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows(complete)
print(f"{len(rows) - 1} rows, {len(rows) - len(complete)} of them incomplete: dropped")
