package functional

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestDeadLetters has an event fail as often as its trigger bears, and executes it again when the
// function is mended.
func TestDeadLetters(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\npool_size = 1\n", &log)
	defer func() { stop(t, s) }()
	f := python(ctx, t, s.Client, "def main(event):\n    raise ValueError(event['faasattempt'])\n")
	mended := python(ctx, t, s.Client, "def main(event):\n    return [event['data'], event['faasattempt']]\n")
	triggers := s.Client.Endpoint + "/v1/triggers"
	hook := readTrigger(t, latest(ctx, t, "POST", triggers, `{"name": "hook", "source": "webhook",
		"function_id": "`+f.ID+`", "retries": 1, "retry_delay": 1}`, 201))
	latest(ctx, t, "POST", hook.URL, `{"name": "Ada"}`, 202)
	var list struct {
		Letters []struct {
			ID, Reason, Input string
			Attempts          int
		} `json:"dead_letters"`
	}
	read := func() int {
		list.Letters = nil
		if err := json.Unmarshal(latest(ctx, t, "GET", triggers+"/hook/dead_letters", "", 200), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Letters)
	}
	await(ctx, t, "the event is a dead letter", func() bool { return read() == 1 })
	l := list.Letters[0]
	if l.Attempts != 2 || l.Reason != "ValueError: 2" || !strings.Contains(l.Input, `"data":{"name": "Ada"}`) {
		t.Errorf("kept is %+v", l)
	}
	latest(ctx, t, "POST", triggers+"/hook/replay", "", 202)
	await(ctx, t, "it is a dead letter again", func() bool { return read() == 1 && list.Letters[0].ID != l.ID })

	latest(ctx, t, "PUT", triggers+"/hook", `{"function_id": "`+mended.ID+`"}`, 200)
	latest(ctx, t, "POST", triggers+"/hook/replay", `{"dead_letters": ["`+list.Letters[0].ID+`"]}`, 202)
	got := outputs(ctx, t, s.Client, hook.ID, 1)
	if len(got) != 1 || strings.ReplaceAll(got[0], " ", "") != `[{"name":"Ada"},1]` || read() != 0 {
		t.Errorf("executed %v, left are %+v", got, list.Letters)
	}
}
