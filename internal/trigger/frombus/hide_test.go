package frombus

import "testing"

func TestHide(t *testing.T) {
	h := newHidden([]string{"host", "node", "initiator.host", "initiator.agent", "fault", "fault.code"})
	for object, want := range map[string]string{
		`{"host":"h","a": 1.50 ,"node":{"x":[1]},"z":"\u00e9"}`:     `{"a":1.50,"z":"\u00e9"}`,
		`{"a": 1, "b": {"host": "theirs"}}`:                         `{"a": 1, "b": {"host": "theirs"}}`,
		`{"host":1}`:                                                `{}`,
		`{"initiator":{"id":"u","host":{"address":"1"},"agent":1}}`: `{"initiator":{"id":"u"}}`,
		`{"initiator":"u"}`:                                         `{"initiator":"u"}`,
		`{"fault":{"code":1}}`:                                      `{}`,
		`{"nova_object.data":{"host":"h","uuid":"u"},"nova_object.name":"N"}`: `{"nova_object.data":{"uuid":"u"},` +
			`"nova_object.name":"N"}`,
		`{"ho\u0073t":1,"x\"y":2,"z":3}`: `{"x\"y":2,"z":3}`,
		`"text"`:                         `"text"`,
	} {
		if got := string(h.from([]byte(object))); got != want {
			t.Errorf("of %s is left %s, want %s", object, got, want)
		}
	}
	if got := string(newHidden(nil).from([]byte(`{"host":1}`))); got != `{"host":1}` {
		t.Errorf("left is %s", got)
	}
}
