package event

import (
	"fmt"
	"strconv"
	"strings"

	cesql "github.com/cloudevents/sdk-go/sql/v2"
	"github.com/cloudevents/sdk-go/sql/v2/expression"
	"github.com/cloudevents/sdk-go/sql/v2/runtime"
)

// CloudEvents SQL is evaluated by the library's expressions. Its parser is not used: most mistakes
// make it panic, as a bracket that is not closed does, of others it does not say what is wrong, and
// it writes to standard error. This one has the same grammar, says where the mistake is, and works
// out what evaluating can cost.

// operand is a part of an expression.
type operand struct {
	cesql.Expression
	size int // bytes that its value has at most, as text
}

// sqlParser reads an expression by precedence climbing. It is no deeper than the text is long, and
// that is bounded.
type sqlParser struct {
	rest []token // ends with an endToken
	cost int     // bytes that evaluating makes and compares at most
}

func compile(text string) (e cesql.Expression, cost int, err error) {
	words, err := tokens(text)
	if err != nil {
		return nil, 0, err
	}
	p := sqlParser{rest: words}
	whole, err := p.expression(0)
	if err == nil && p.rest[0].kind != endToken {
		err = p.expected("an operator or the end")
	}
	return whole.Expression, p.cost, err
}

func (p *sqlParser) next() token {
	t := p.rest[0]
	if t.kind != endToken {
		p.rest = p.rest[1:]
	}
	return t
}

// skip skips an operator, if it is the next word.
func (p *sqlParser) skip(operator string) bool {
	if p.rest[0].is(operator) {
		p.next()
		return true
	}
	return false
}

func (p *sqlParser) expected(what string) error {
	return fmt.Errorf("%s is where there should be %s", p.rest[0], what)
}

// made counts the cost of a value, which is 1 at least.
func (p *sqlParser) made(e cesql.Expression, size, cost int) operand {
	const enough = 1 << 40 // which is refused, and adds up without overflowing
	p.cost = min(p.cost+min(cost, enough)+1, enough)
	return operand{e, min(size, enough)}
}

// How tightly operators bind, as in the grammar.
const (
	bindLogic = iota + 1
	bindComparison
	bindSum
	bindProduct
	bindIn
	bindLike
	bindSign // - and NOT
)

// expression reads as far as operators bind as tightly as that or tighter.
func (p *sqlParser) expression(binding int) (operand, error) {
	left, err := p.prefix()
	for err == nil {
		t := p.rest[0]
		negated := t.is("NOT") && p.rest[1].is("LIKE", "IN")
		if negated {
			t = p.rest[1]
		}
		operator, ok := binaryOperators[t.text]
		if !ok || t.kind != operatorToken || operator.binding < binding {
			return left, nil
		}
		p.next()
		if negated {
			p.next()
		}
		switch operator.binding {
		case bindLike:
			left, err = p.like(left)
		case bindIn:
			left, err = p.in(left)
		default:
			left, err = p.binary(left, operator)
		}
		if negated {
			left = p.made(expression.NewNotExpression(left.Expression), sizeOfBool, 0)
		}
	}
	return left, err
}

const (
	sizeOfBool = len("false")
	sizeOfInt  = len("-2147483648")
)

type binaryOperator struct {
	binding int
	make    func(left, right cesql.Expression) cesql.Expression
}

var binaryOperators = map[string]binaryOperator{
	"AND": {bindLogic, expression.NewAndExpression}, "OR": {bindLogic, expression.NewOrExpression},
	"XOR": {bindLogic, expression.NewXorExpression},
	"=":   {bindComparison, expression.NewEqualExpression}, "!=": {bindComparison, expression.NewNotEqualExpression},
	"<>": {bindComparison, expression.NewNotEqualExpression},
	"<":  {bindComparison, expression.NewLessExpression}, "<=": {bindComparison, expression.NewLessOrEqualExpression},
	">": {bindComparison, expression.NewGreaterExpression}, ">=": {bindComparison, expression.NewGreaterOrEqualExpression},
	"+": {bindSum, expression.NewSumExpression}, "-": {bindSum, expression.NewDifferenceExpression},
	"*": {bindProduct, expression.NewMultiplicationExpression}, "/": {bindProduct, expression.NewDivisionExpression},
	"%": {bindProduct, expression.NewModuleExpression}, "LIKE": {binding: bindLike}, "IN": {binding: bindIn},
}

func (p *sqlParser) binary(left operand, operator binaryOperator) (operand, error) {
	binding := operator.binding
	if binding != bindLogic { // a - b - c is (a - b) - c, but a AND b OR c is a AND (b OR c)
		binding++
	}
	right, err := p.expression(binding)
	if err != nil {
		return right, err
	}
	made := operator.make(left.Expression, right.Expression)
	return p.made(made, sizeOfInt, left.size+right.size), nil
}

func (p *sqlParser) like(left operand) (operand, error) {
	if p.rest[0].kind != textToken {
		return operand{}, p.expected("the pattern of LIKE, a text in quotes")
	}
	pattern := parsePattern(unquote(p.next().text))
	return p.made(likeExpression{left.Expression, pattern}, sizeOfBool, left.size*(len(pattern)+1)), nil
}

func (p *sqlParser) in(left operand) (operand, error) {
	items, err := p.list()
	if err == nil && len(items) == 0 {
		err = fmt.Errorf("the list after IN is empty")
	}
	if err != nil {
		return operand{}, err
	}
	set, size := expressions(items)
	return p.made(expression.NewInExpression(left.Expression, set), sizeOfBool, size+left.size*len(items)), nil
}

// list reads expressions in brackets.
func (p *sqlParser) list() ([]operand, error) {
	if !p.skip("(") {
		return nil, p.expected("(")
	}
	var items []operand
	if p.skip(")") {
		return nil, nil
	}
	for {
		item, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if p.skip(")") {
			return items, nil
		}
		if !p.skip(",") {
			return nil, p.expected(", or )")
		}
	}
}

func expressions(items []operand) (all []cesql.Expression, size int) {
	for _, item := range items {
		all = append(all, item.Expression)
		size += item.size
	}
	return all, size
}

// prefix reads what an expression begins with.
func (p *sqlParser) prefix() (operand, error) {
	switch t := p.rest[0]; {
	case t.is("("):
		return p.brackets()
	case t.is("NOT"):
		p.next()
		inner, err := p.expression(bindSign)
		return p.made(expression.NewNotExpression(inner.Expression), sizeOfBool, inner.size), err
	case t.is("-") && p.rest[1].kind != numberToken:
		p.next()
		inner, err := p.expression(bindSign)
		return p.made(expression.NewNegateExpression(inner.Expression), sizeOfInt, inner.size), err
	case t.is("-", "+"):
		p.next()
		return p.number(t.text)
	case t.kind == numberToken:
		return p.number("")
	case t.is("EXISTS"):
		p.next()
		name, err := p.attribute()
		return p.made(expression.NewExistsExpression(name), sizeOfBool, 0), err
	case t.is("TRUE", "FALSE"):
		p.next()
		return p.made(expression.NewLiteralExpression(t.text == "TRUE"), sizeOfBool, 0), nil
	case t.kind == textToken:
		p.next()
		text := unquote(t.text)
		return p.made(expression.NewLiteralExpression(text), len(text), 0), nil
	case t.kind == nameToken && p.rest[1].is("("):
		p.next()
		return p.function(t)
	case t.kind == nameToken:
		name, err := p.attribute()
		return p.made(expression.NewIdentifierExpression(name), MaxAttributes, 0), err
	}
	return operand{}, p.expected("an attribute, a function, a text in quotes, an integer, TRUE or FALSE")
}

func (p *sqlParser) brackets() (operand, error) {
	p.next()
	inner, err := p.expression(0)
	if err == nil && !p.skip(")") {
		err = p.expected("an operator or )")
	}
	return inner, err
}

func (p *sqlParser) number(sign string) (operand, error) {
	t := p.rest[0]
	if t.kind != numberToken {
		return operand{}, p.expected("a number")
	}
	n, err := strconv.ParseInt(sign+p.next().text, 10, 32)
	if err != nil {
		return operand{}, fmt.Errorf("%s is no integer of 32 bits", t)
	}
	return p.made(expression.NewLiteralExpression(int32(n)), sizeOfInt, 0), nil
}

func (p *sqlParser) attribute() (string, error) {
	t := p.rest[0]
	if t.kind != nameToken {
		return "", p.expected("the name of an attribute")
	}
	name := strings.ToLower(p.next().text)
	return name, checkName(name)
}

// function reads the arguments of a function. Whether there is such a function is known now.
func (p *sqlParser) function(name token) (operand, error) {
	items, err := p.list()
	if err != nil {
		return operand{}, err
	}
	upper := strings.ToUpper(name.text)
	if runtime.ResolveFunction(upper, len(items)) == nil {
		return operand{}, fmt.Errorf("there is no function %s with %d arguments, which is called at character %d",
			clip(upper), len(items), name.at)
	}
	arguments, size := expressions(items)
	if upper == "CONCAT_WS" { // which has its first argument between all others
		size += items[0].size * len(items)
	}
	return p.made(expression.NewFunctionInvocationExpression(upper, arguments), max(size, sizeOfInt), size), nil
}

// unquote returns what a text in quotes stands for. A backslash is one of the text's own unless a
// quote follows: patterns of LIKE have their own use for it.
func unquote(quoted string) string {
	quote := quoted[:1]
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\`+quote, quote)
}
