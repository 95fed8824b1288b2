package api

import (
	"encoding/json"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestPoolsHearOfNewCode has a function be made, be renamed, and have new code: the owner of the
// runtime's pool hears of the first and the last, of which a call is to be expected.
func TestPoolsHearOfNewCode(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	made := make(chan faas.WorkersAwaited, 100)
	topic := faas.TopicWorkersAwaited(s.store.Shards().Of(runtime))
	stop, err := s.broker.Subscribe(t.Context(), topic, func(body []byte) {
		var news faas.WorkersAwaited
		if json.Unmarshal(body, &news) == nil {
			made <- news
		}
	})
	s.must(err)
	defer stop()
	want := faas.WorkersAwaited{RuntimeID: runtime, Made: 1}
	function := s.newFunction(runtime, "new").ID
	if got := await(t, made); got != want {
		t.Errorf("of a function that was made: %+v", got)
	}
	s.do("PUT", "/v1/functions/"+function, `{"name": "renamed"}`, 200)
	s.changePackage(function, "def main():\n    return 2\n")
	if got := await(t, made); got != want {
		t.Errorf("of a function that has new code: %+v", got)
	}
	if len(made) > 0 {
		t.Errorf("it is told once more: %+v", <-made)
	}
}
