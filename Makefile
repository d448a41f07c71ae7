# SPDX-License-Identifier: GPL-2.0-only
# 'make' builds the module and the tool for this machine; 'make help' lists
# the rest. The module's build is described in Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build

# What clang built takes a module that clang built; LLVM= chooses another one.
LLVM ?= $(shell grep -sqx CONFIG_CC_IS_CLANG=y '$(KDIR)/include/config/auto.conf' && echo 1)
LLVM_OF_KDIR = $(if $(LLVM),LLVM='$(LLVM)')

all: module userspace

module:
	@if [ -e '$(KDIR)/Makefile' ]; then \
		$(MAKE) -C '$(KDIR)' M='$(CURDIR)' $(LLVM_OF_KDIR) modules; \
	else \
		echo 'No kernel headers in $(KDIR): pinscope.ko is not built.'; \
		echo 'Install them (Debian: apt-get install linux-headers-$$(uname -r)),'; \
		echo 'or name another kernel with make KDIR=DIRECTORY.'; \
	fi

userspace:
	@$(MAKE) -C userspace pinscope pinscope.1

run:
	@scripts/run

check:
	@scripts/check

check-long:
	@scripts/check --long

kunit:
	@scripts/kunit

matrix:
	@scripts/matrix

lint:
	@scripts/lint

install: userspace
	@$(MAKE) -C userspace install

uninstall:
	@$(MAKE) -C userspace uninstall

deb:
	@scripts/packages build

clean:
	@[ ! -e '$(KDIR)/Makefile' ] || $(MAKE) -C '$(KDIR)' M='$(CURDIR)' clean
	@$(MAKE) -C userspace clean

help:
	@echo 'make              pinscope.ko for the running kernel (KDIR=), and the tool'
	@echo 'make run          pinscope check on stock kernels in VMs'
	@echo 'make check        the tests: some 20 minutes from nothing'
	@echo 'make check-long   the rest of the tests: 45 minutes more'
	@echo 'make kunit        the KUnit suites by kunit.py, on UML and in QEMU'
	@echo 'make matrix       all tests and the selftests of the kernel, on every kernel'
	@echo 'make lint         only the checks of the source'
	@echo 'make install      the tool, the library and the manual pages (PREFIX=, DESTDIR=)'
	@echo 'make uninstall    remove them again, with the same PREFIX and DESTDIR'
	@echo 'make deb          Debian packages: pinscope-dkms, pinscope, libpinscope-dev'
	@echo 'make clean        remove what was built; .cache/ keeps the downloads'

.PHONY: all module userspace run check check-long kunit matrix lint install uninstall deb clean help
