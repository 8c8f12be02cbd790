// SPDX-License-Identifier: GPL-2.0
/*
 * Loads every module beside it, whose unit tests run then, and restarts the machine. The kernel's log has
 * the first serial port; what this program says goes to the second one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

int main(void)
{
	struct dirent **names;
	int count = scandir("/suites", &names, NULL, alphasort);
	int log = open("/dev/ttyS1", O_WRONLY);
	int i;

	for (i = 0; i < count; i++) {
		char path[512];
		int file;

		if (!strstr(names[i]->d_name, ".ko"))
			continue;
		snprintf(path, sizeof(path), "/suites/%s", names[i]->d_name);
		file = open(path, O_RDONLY);
		if (file < 0 || syscall(SYS_finit_module, file, "", 0))
			dprintf(log, "not loaded: %s: %m\n", path);
	}
	dprintf(log, "all loaded\n");
	tcdrain(log);
	reboot(RB_AUTOBOOT);
	return 1;
}
