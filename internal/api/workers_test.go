package api

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// workersOf plays the engine that owns a function, and sends what it is asked for to the channel.
func (s *service) workersOf(function string, answer func(faas.WorkersRequest) (faas.WorkersAnswer, error)) chan faas.WorkersRequest {
	s.t.Helper()
	asked := make(chan faas.WorkersRequest, 10)
	method := faas.WorkersRequest{FunctionID: function}.Method(s.store.Shards())
	_, err := s.broker.Serve(context.Background(), method, 1, func(_ context.Context, body json.RawMessage) (any, error) {
		var req faas.WorkersRequest
		if err := json.Unmarshal(body, &req); err != nil {
			return nil, err
		}
		asked <- req
		return answer(req)
	})
	s.must(err)
	return asked
}

func TestWorkersAreListed(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.workersOf(function, func(faas.WorkersRequest) (faas.WorkersAnswer, error) {
		return faas.WorkersAnswer{Workers: []faas.Worker{
			{ID: "w-1", Key: faas.Key{FunctionID: function, Revision: 3}},
			{ID: "w-2", Key: faas.Key{FunctionID: function, Version: 2, Revision: 1}},
		}}, nil
	})
	var list struct{ Workers []workerView }
	path := "/v1/functions/" + function + "/workers"
	s.do("GET", path, "", 200).decode(t, &list)
	if len(list.Workers) != 2 || list.Workers[1] != (workerView{function, 2, "w-2"}) {
		t.Errorf("got %+v", list)
	}
	s.do("GET", path+"?function_version=0", "", 200).decode(t, &list)
	if len(list.Workers) != 1 || list.Workers[0].WorkerName != "w-1" {
		t.Errorf("of the live code are %+v", list)
	}
	s.do("GET", path+"?function_version=x", "", 400)
	s.do("GET", "/v1/functions/"+unknownID+"/workers", "", 404)
}

func TestWorkersAreChanged(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	refused := false
	asked := s.workersOf(function, func(faas.WorkersRequest) (faas.WorkersAnswer, error) {
		if refused {
			return faas.WorkersAnswer{}, faas.Errorf(faas.Conflict, "too many")
		}
		return faas.WorkersAnswer{}, nil
	})
	path := "/v1/functions/" + function
	for _, c := range []struct {
		path, body string
		want       faas.WorkersRequest
	}{
		{"/scale_up", `{"count": "3"}`, faas.WorkersRequest{Action: faas.WorkersScaleUp, Count: 3}},
		{"/scale_up", `{"count": null}`, faas.WorkersRequest{Action: faas.WorkersScaleUp, Count: 1}},
		{"/scale_down", "", faas.WorkersRequest{Action: faas.WorkersScaleDown, Count: 1}},
		{"/detach", "", faas.WorkersRequest{Action: faas.WorkersDetach}},
		{"/versions/7/scale_up", `{"count": 2}`, faas.WorkersRequest{Version: 7, Action: faas.WorkersScaleUp, Count: 2}},
		{"/versions/7/scale_down", `{}`, faas.WorkersRequest{Version: 7, Action: faas.WorkersScaleDown, Count: 1}},
		{"/versions/7/detach", "", faas.WorkersRequest{Version: 7, Action: faas.WorkersDetach}},
	} {
		s.do("POST", path+c.path, c.body, 202)
		c.want.FunctionID = function
		if got := await(t, asked); got != c.want {
			t.Errorf("%s %s: the engine is asked for %+v, want %+v", c.path, c.body, got, c.want)
		}
	}
	refused = true
	s.do("POST", path+"/scale_up", `{"count": 1000}`, 409)
	await(t, asked)
	for _, body := range []string{`{"count": 0}`, `{"count": -1}`, `{"count": 1001}`, `{"count": "many"}`, `{"counts": 1}`, `[]`} {
		s.do("POST", path+"/scale_up", body, 400)
	}
	s.do("POST", path+"/versions/0/detach", "", 400)
	s.do("POST", "/v1/functions/"+unknownID+"/detach", "", 404)
	if len(asked) != 0 {
		t.Errorf("the engine was asked for what is refused: %+v", <-asked)
	}
}
