import csv
import sys

with open(sys.argv[1], newline="") as file:
    header, *rows = csv.reader(file)
kept = [row for row in rows if row[0] == sys.argv[2]]
with open(sys.argv[1], "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([header, *kept])
print(f"{len(kept)} rows of {sys.argv[2]} kept")
