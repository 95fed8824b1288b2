"""Takes what GitHub sends to a webhook, and says what was pushed to the main branch."""
import json


def main(body, headers, **others):
    kind = headers["x-github-event"]
    if kind == "ping":  # GitHub asks whether anybody is there when a webhook is made
        return "pong"
    if kind != "push":
        return {"ignored": kind}
    push = json.loads(body)
    main_branch = "refs/heads/" + push["repository"]["default_branch"]
    if push["ref"] != main_branch:
        return {"ignored": push["ref"]}
    for commit in push["commits"]:
        print(commit["id"][:8], commit["message"].splitlines()[0])
    return {"repository": push["repository"]["full_name"], "at": push["after"], "commits": len(push["commits"])}
