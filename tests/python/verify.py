"""Answers each line of its standard input, `{"secret", "headers", "body"}`: `verified`, or why not."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    sent = json.loads(line)
    try:
        Webhook(sent["secret"]).verify(sent["body"], sent["headers"])
        print("verified")
    except WebhookVerificationError as error:
        print(f"refused: {error}")
