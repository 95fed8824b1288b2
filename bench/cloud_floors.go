package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	amqp "github.com/rabbitmq/amqp091-go"
)

// databaseFloor is one row that is inserted and committed: each record that is waited for costs a
// share of one.
func databaseFloor(ctx context.Context, r *report, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	password, _ := u.User.Password()
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = u.User.Username(), password, "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	db.SetMaxIdleConns(20)
	const create = `CREATE TABLE IF NOT EXISTS bench_floor
		(id BIGINT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(255)) ENGINE=InnoDB`
	if _, err := db.ExecContext(ctx, create); err != nil {
		return err
	}
	defer func() { _, _ = db.ExecContext(context.WithoutCancel(ctx), `DROP TABLE bench_floor`) }()
	return measureAt(r, "floor: row committed in MariaDB", []int{1, 20}, func() error {
		_, err := db.ExecContext(ctx, `INSERT INTO bench_floor (text) VALUES (?)`, strings.Repeat("x", 200))
		return err
	})
}

// busFloors are a request with its answer by direct reply-to, and a message that a quorum queue has
// confirmed.
func busFloors(r *report, address string) error {
	conn, err := amqp.Dial("amqp" + strings.TrimPrefix(address, "rabbit"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := requestFloor(r, conn); err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	const queue = "faas-bench-floor"
	if _, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
		return err
	}
	defer func() { _, _ = ch.QueueDelete(queue, false, false, false) }()
	if err := ch.Confirm(false); err != nil {
		return err
	}
	return measureAt(r, "floor: message confirmed by a quorum queue", []int{1}, func() error {
		confirm, err := ch.PublishWithDeferredConfirm(
			"", queue, true, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("x")},
		)
		if err == nil {
			confirm.Wait()
		}
		return err
	})
}

func requestFloor(r *report, conn *amqp.Connection) error {
	ask, err := conn.Channel()
	if err != nil {
		return err
	}
	serve, err := conn.Channel()
	if err != nil {
		return err
	}
	q, err := serve.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return err
	}
	requests, err := serve.Consume(q.Name, "", true, false, false, false, nil)
	if err != nil {
		return err
	}
	replies, err := ask.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)
	if err != nil {
		return err
	}
	go func() { // ends with the connection
		for d := range requests {
			_ = serve.Publish("", d.ReplyTo, false, false, amqp.Publishing{Body: d.Body})
		}
	}()
	return measureAt(r, "floor: request and answer through RabbitMQ", []int{1}, func() error {
		request := amqp.Publishing{ReplyTo: "amq.rabbitmq.reply-to", Body: []byte(`{"n":1}`)}
		if err := ask.Publish("", q.Name, false, false, request); err != nil {
			return err
		}
		if _, ok := <-replies; !ok {
			return fmt.Errorf("the channel was closed")
		}
		return nil
	})
}

const floorTime = time.Second

// measureAt does one thing again and again, by so many at a time, and reports how long it takes and
// how often it can be done.
func measureAt(r *report, what string, at []int, one func() error) error {
	for _, callers := range at {
		var mu sync.Mutex
		var all []time.Duration
		var failed error
		until := time.Now().Add(floorTime)
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				var took []time.Duration
				for time.Now().Before(until) {
					begun := time.Now()
					if err := one(); err != nil {
						mu.Lock()
						failed = err
						mu.Unlock()
						return
					}
					took = append(took, time.Since(begun))
				}
				mu.Lock()
				all = append(all, took...)
				mu.Unlock()
			})
		}
		group.Wait()
		if failed != nil {
			return failed
		}
		slices.Sort(all)
		r.add(fmt.Sprintf("%s, %d at a time, p50", what, callers), ms(quantile(all, 0.5)), "ms", "")
		r.add(fmt.Sprintf("%s, %d at a time, rate", what, callers), float64(len(all))/floorTime.Seconds(), "/s", "")
	}
	return nil
}
