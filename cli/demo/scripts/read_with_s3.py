import hashlib
import os

import botocore.session

s3 = botocore.session.get_session().create_client(
    "s3", endpoint_url=os.environ["LAKEBED_SERVER"], region_name="us-east-1"
)
for ref in ("v1.0", "main"):
    answer = s3.get_object(Bucket="penguins", Key=f"{ref}/penguins.csv")
    data = answer["Body"].read()
    rows = data.count(b"\n") - 1
    print(ref, hashlib.sha256(data).hexdigest(), rows, "rows")
