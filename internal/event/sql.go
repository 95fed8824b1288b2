package event

import (
	"encoding/json"
	"fmt"

	cesql "github.com/cloudevents/sdk-go/sql/v2"
	"github.com/cloudevents/sdk-go/sql/v2/utils"
)

// maxSQLCost bounds what evaluating all of a filter's SQL costs with the longest attributes: bytes
// that are made or compared, which take a few milliseconds.
const maxSQLCost = 1 << 20

// sql reads an expression of CloudEvents SQL.
func (p *filterParser) sql(at string, raw json.RawMessage) (test, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || text == "" {
		return nil, fmt.Errorf("%s is no text, or an empty one: %s", at, clip(string(raw)))
	}
	if len(text) > maxSQL {
		return nil, fmt.Errorf("%s is %d bytes, more than the %d that may be", at, len(text), maxSQL)
	}
	if err := p.count(at); err != nil {
		return nil, err
	}
	expression, cost, err := compile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if p.cost += cost; p.cost > maxSQLCost {
		return nil, fmt.Errorf("%s may take too long to evaluate: shorten what is before LIKE or its pattern, "+
			"or have fewer functions within each other", at)
	}
	return sqlTest{at, expression}, nil
}

type sqlTest struct {
	at         string
	expression cesql.Expression
}

// match bears a panic of the engine: some functions trust their arguments.
func (t sqlTest) match(v *view) (ok bool, err error) {
	defer func() {
		if wrong := recover(); wrong != nil {
			ok, err = false, fmt.Errorf("%s cannot be evaluated: %s", t.at, clip(fmt.Sprint(wrong)))
		}
	}()
	value, err := t.expression.Evaluate(v.event)
	if err == nil {
		value, err = utils.Cast(value, cesql.BooleanType)
	}
	if err != nil {
		return false, fmt.Errorf("%s cannot be evaluated: %s", t.at, clip(err.Error()))
	}
	return value.(bool), nil
}
