package epoll_test

import (
	"testing"

	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/epoll"
)

func TestMain(m *testing.M) { enginetest.Main(m, epoll.Model()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Events: true, Crowd: 1000, Is: enginetest.IsEpoll}, enginetest.Start(epoll.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, epoll.Model()) }

func TestNoGarbage(t *testing.T) { enginetest.RunNoGarbage(t, epoll.Model()) }
