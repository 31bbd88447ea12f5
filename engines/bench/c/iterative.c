// One connection after the other.
#include "echo.h"

int main(void) {
	int listener = listen_local(0);
	for (;;)
		serve(accept_one(listener));
}
