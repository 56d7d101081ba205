# Makefile - builds and runs the kit; `make help` lists what it can do.
#
# A file's name is its target: lessons/03_gather.c is `make lesson3`, and so for
# exercises, solutions and graders. Programs are found by wildcard: a new lesson,
# exercise or test needs no line here.

.DEFAULT_GOAL := advice
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

comma := ,
empty :=
space := $(empty) $(empty)

# ---- What there is ---------------------------------------------------------

# Each is a list of paths without suffix, such as lessons/03_gather. The
# exercises go by their contracts: a student may keep more .c files there.
LESSONS   := $(basename $(wildcard lessons/[0-9][0-9]_*.c))
EXERCISES := $(basename $(wildcard exercises/[0-9][0-9]_*.h))
SOLUTIONS := $(EXERCISES:exercises/%=solutions/%)
GRADERS   := $(basename $(wildcard verify/[0-9][0-9]_*.c))
# These need all libraries, the others the runtime.
NETWORK_BENCHES := $(basename $(wildcard bench/mock_llm.c bench/http.c))
BENCHES   := $(filter-out $(NETWORK_BENCHES),$(basename $(wildcard bench/*.c)))
TESTS     := $(basename $(wildcard tests/test_*.c))
SCRIPTS   := $(wildcard tests/*.sh)
# In the linker's order: each may use those to the right of it.
LIBRARIES := llm mock_llm async_curl scenario async
# The tests that are not named after another library are the runtime's.
RUNTIME_TESTS := $(filter-out $(foreach library,$(filter-out \
    async,$(LIBRARIES)),tests/test_$(library)%),$(TESTS))

# $(call numbered,lesson,lessons/03_gather) is lesson3.
numbered = $1$(patsubst 0%,%,$(firstword $(subst _, ,$(notdir $2))))
KINDS := lesson exercise solution verify hint reset
NUMBERED := $(foreach kind,$(KINDS),$(foreach program,$(if $(filter \
    lesson,$(kind)),$(LESSONS),$(EXERCISES)),$(call numbered,$(kind),$(program))))

# These need the runtime and nothing else; the other programs may use all
# libraries, and then the packages behind them.
PROGRAMS := $(LESSONS) $(EXERCISES) $(SOLUTIONS)
PLAIN := $(filter lessons/01_% lessons/02_% lessons/03_% lessons/07_% \
    lessons/08_% lessons/09_% lessons/10_% lessons/11_% lessons/12_% \
    lessons/13_% lessons/14_% lessons/15_% lessons/17_% $(foreach number,\
    01 02 03 04 05 07 08 09 10 11 12 13,exercises/$(number)_% \
    solutions/$(number)_%),$(PROGRAMS))
# These use cJSON in addition.
JSON := $(filter exercises/06_% solutions/06_%,$(PROGRAMS))
FULL := $(filter-out $(PLAIN) $(JSON),$(PROGRAMS))

# A number that is not there: say what is.
UNKNOWN := $(firstword $(filter-out $(NUMBERED) verify verify-chapter,$(filter \
    $(KINDS:=%),$(MAKECMDGOALS))))
ifneq ($(UNKNOWN),)
$(error There is no $(UNKNOWN); there is $(or $(strip $(foreach kind,$(KINDS),\
    $(if $(filter $(kind)%,$(UNKNOWN)),$(filter $(kind)%,$(NUMBERED))))),none))
endif

# ---- Variants: each builds in a folder of its own --------------------------

# What was given by hand: CC=clang, SANITIZE=1 (address,undefined) or
# SANITIZE=thread, CONTEXT=ucontext, POLLER=poll. And UNDER=valgrind: only where
# its header is installed can the runtime be compiled to tell it of its stacks.
SANITIZERS := $(patsubst 1,address$(comma)undefined,$(filter-out 0,$(SANITIZE)))
variant = build$(addprefix /,$(subst $(comma),-,$(subst $(space),-,$(strip \
    $(notdir $(if $(filter default,$(origin CC)),,$(CC))) $1 $(CONTEXT) \
    $(POLLER) $(findstring valgrind,$(UNDER))))))
BUILD := $(call variant,$(SANITIZERS))
PARTS := $(call variant,)
SANITIZED := $(call variant,address-undefined)

ifneq ($(filter-out ucontext,$(CONTEXT))$(filter-out poll,$(POLLER)),)
$(error CONTEXT is ucontext or nothing, POLLER is poll or nothing)
endif

# ---- Flags -----------------------------------------------------------------

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
    -Wmissing-prototypes -Wvla -Werror=implicit-function-declaration \
    -Werror=int-conversion
SANITIZE_FLAGS := $(if $(SANITIZERS),-fsanitize=$(SANITIZERS) \
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
DEFINES := -D_GNU_SOURCE $(if $(SANITIZERS),-DASYNC_STACK_SIZE=1048576) \
    $(CONTEXT:ucontext=-DASYNC_UCONTEXT) $(POLLER:poll=-DASYNC_POLL)

# The judge compiles submissions with this very line: it reads BUILD/flags.
COMPILE := $(strip $(CC) -std=c11 $(DEFINES) $(WARNINGS) \
    -fstack-clash-protection $(SANITIZE_FLAGS) $(CPPFLAGS) $(CFLAGS) \
    -Ilib -Iexercises)

# Of one folder or one file. In the runtime, fields that stand together are not
# stored together: a pair that is made in a vector register waits for both. And
# the switch between stacks jumps to places that an x86 processor with indirect
# branch tracking would refuse.
FLAGS_lib/async := -fno-tree-slp-vectorize
ifneq ($(filter x86_64% i%86%,$(shell $(CC) -dumpmachine 2>/dev/null)),)
FLAGS_lib/async += -fcf-protection=none
FLAGS_bench/floor := -fcf-protection=none
endif
FLAGS_verify/driver := -DVERIFY_DRIVER

# ---- Packages --------------------------------------------------------------

# Goals that need some include a file that sets LLM_LIBS and the like. If it is
# missing, make makes it first, by running tools/install-deps, and stops if that
# fails. Not for `make -n`, which must not install anything.
LLM_GOALS := mock bench-mock bench-http soak-network book verify14 verify15 verify16 \
    $(NETWORK_BENCHES:%=$(BUILD)/%) $(BUILD)/bin/mock_llm $(FULL:%=$(BUILD)/%) \
    $(foreach program,$(FULL),$(call \
    numbered,$(patsubst %s/,%,$(dir $(program))),$(program)))
JSON_GOALS := verify6 $(JSON:%=$(BUILD)/%) $(foreach program,$(JSON),\
    $(call numbered,$(patsubst %s/,%,$(dir $(program))),$(program)))
TEST_GOALS := all kit test test-runtime test-coverage faults $(BUILD)/tests/%
GROUP := $(firstword $(if $(filter $(TEST_GOALS),$(MAKECMDGOALS)),test) \
    $(if $(filter $(LLM_GOALS),$(MAKECMDGOALS)),llm) \
    $(if $(filter $(JSON_GOALS),$(MAKECMDGOALS)),json))
# What was found before serves those that need less.
KNOWN := $(firstword $(wildcard build/deps-llm.mk build/deps-test.mk \
    build/deps-json.mk))
ifeq ($(findstring n,$(filter-out -%,$(firstword $(MAKEFLAGS)))),)
include $(if $(filter json,$(GROUP)),$(or $(KNOWN),build/deps-json.mk),\
    $(GROUP:%=build/deps-%.mk))
endif
# Grading all exercises installs nothing: where the packages are not known, the
# judge says which exercises need them, and what brings them.
ifeq ($(GROUP),)
ifneq ($(filter verify parts judge_parts test-judge mutants,$(MAKECMDGOALS)),)
include $(KNOWN)
endif
endif

build/deps-%.mk: tools/install-deps
	@variables=$$(tools/install-deps $*) && mkdir -p build && \
	    printf '%s\n' "$$variables" > $@

# ---- Compiling and linking -------------------------------------------------

Q := $(if $(filter-out 0,$(V)),,@)
# $(call say,CC,file.c): the short line that stands for a command.
MARK := $(patsubst build/%,[%],$(filter build/%,$(BUILD)))
say = @$(if $(Q),echo '$(strip $1 $2)',:)

# Other flags than last time: everything is compiled again.
$(BUILD)/flags:
	@CC='$(CC)' tools/install-deps compiler
	@mkdir -p $(@D) && printf '%s\n' '$(subst ','\'',$(COMPILE))' > $@
ifneq ($(strip $(shell cat $(BUILD)/flags 2>/dev/null)),$(COMPILE))
.PHONY: $(BUILD)/flags
endif

# What a submission may use of the packages: flags to compile, and to link with
# cJSON, or with all of them.
$(BUILD)/packages: $(BUILD)/flags $(wildcard build/deps-*.mk)
	$(Q)printf '%s\n' '$(PACKAGE_CFLAGS)' '$(JSON_LIBS)' '$(LLM_LIBS)' > $@

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$< $(MARK))
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(FLAGS_$(*D)) $(FLAGS_$*) $(PACKAGE_CFLAGS) \
	    -MMD -MP -c -o $@ $<

# A grader is compiled twice: into the judge, and for the judged process.
$(BUILD)/verify/%.driver.o: verify/%.c $(BUILD)/flags
	$(call say,CC,$< (driver) $(MARK))
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(PACKAGE_CFLAGS) -DVERIFY_DRIVER -MMD -MP -c -o $@ $<

objects = $(patsubst %.c,$(BUILD)/%.o,$1)
library = $(BUILD)/lib/lib$1.a

define library_rule
$(call library,$1): $(call objects,$(filter-out lib/mock_llm/main.c,\
    $(wildcard lib/$1/*.c)))
endef
$(foreach name,$(LIBRARIES),$(eval $(call library_rule,$(name))))
ALL_LIBRARIES := $(foreach name,$(LIBRARIES),$(call library,$(name)))
$(ALL_LIBRARIES):
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

RUNTIME := $(call library,async)
LINK = $(CC) $(SANITIZE_FLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)

PLAIN_PROGRAMS := $(PLAIN:%=$(BUILD)/%) $(BENCHES:%=$(BUILD)/%)
JSON_PROGRAMS := $(JSON:%=$(BUILD)/%)
WEB_SERVER := $(patsubst verify/server/main.c,$(BUILD)/bin/verify_server,\
    $(wildcard verify/server/main.c))
SOAKED_NETWORK := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/soak/network.c))
FULL_PROGRAMS := $(FULL:%=$(BUILD)/%) $(BUILD)/bin/mock_llm \
    $(NETWORK_BENCHES:%=$(BUILD)/%) $(WEB_SERVER) $(SOAKED_NETWORK)
TEST_PROGRAMS := $(TESTS:%=$(BUILD)/%)
CHAPTER := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/chapter/*.c))
FUZZED := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/interpreter.c))
SOAKED := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/soak/soak.c))
JUDGE := $(BUILD)/bin/verify
WEB_GRADERS := $(filter verify/14_% verify/15_% verify/16_%,$(GRADERS))
DRIVERS := $(BUILD)/verify/driver.o \
    $(patsubst %,$(BUILD)/%.driver.o,$(filter-out $(WEB_GRADERS),$(GRADERS)))
# For those exercises that a web server judges, where its packages are known.
WEB_PARTS := $(if $(LLM_LIBS),$(WEB_SERVER) $(foreach \
    name,llm async_curl scenario,$(call library,$(name))) \
    $(WEB_GRADERS:%=$(BUILD)/%.driver.o))

$(PLAIN_PROGRAMS) $(JSON_PROGRAMS): $(BUILD)/%: $(BUILD)/%.o $(RUNTIME)
$(FULL:%=$(BUILD)/%) $(NETWORK_BENCHES:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/%.o \
    $(ALL_LIBRARIES)
$(SOAKED_NETWORK): %: %.o $(ALL_LIBRARIES)
$(BUILD)/bin/mock_llm: $(BUILD)/lib/mock_llm/main.o $(ALL_LIBRARIES)
$(WEB_SERVER): $(BUILD)/verify/server/main.o $(ALL_LIBRARIES)
$(JUDGE): $(call objects,$(filter-out verify/driver.c,$(wildcard verify/*.c)))
RUNTIME_TEST_PROGRAMS := $(RUNTIME_TESTS:%=$(BUILD)/%)
$(RUNTIME_TEST_PROGRAMS): $(BUILD)/%: $(BUILD)/%.o $(call objects,$(wildcard \
    tests/capture.c)) $(RUNTIME)
$(filter-out $(RUNTIME_TEST_PROGRAMS),$(TEST_PROGRAMS)): $(BUILD)/%: \
    $(BUILD)/%.o $(call objects,$(filter-out $(TESTS:=.c),$(wildcard \
    tests/*.c))) $(ALL_LIBRARIES)

$(BUILD)/tests/test_backoff: $(BUILD)/verify/backoff.o

$(FUZZED) $(SOAKED) $(CHAPTER): %: %.o $(RUNTIME)

# Programs under faults, most of the test programs among them: in copies of the
# libraries, the calls that inject*.c can make fail have names of their own, and
# the code has a section of its own, by which backtraces tell it from the tests'.
FAULTS_IN := $(BUILD)/tests/faults
INJECT := $(call objects,$(wildcard tests/faults/inject*.c))
FAULTY := $(foreach name,$(filter-out mock_llm,$(LIBRARIES)),\
    $(FAULTS_IN)/lib$(name).a)
FAULT_TESTS := $(patsubst tests/%,$(FAULTS_IN)/%,$(filter-out tests/test_mock% \
    tests/test_scenario% tests/test_bad_input tests/test_llm_fuzz \
    tests/test_backoff,$(TESTS)))
FAULT_PROGRAMS := $(FAULTS_IN)/runtime $(FAULTS_IN)/network $(FAULT_TESTS)

$(FAULTS_IN)/renamed: $(INJECT)
	$(Q)nm $^ | sed -n 's/.* T fault_call_\(.*\)/\1 fault_call_\1/p' >$@
$(FAULTY): $(FAULTS_IN)/%: $(BUILD)/lib/% $(FAULTS_IN)/renamed
	$(call say,RENAME,$@)
	$(Q)objcopy --redefine-syms=$(FAULTS_IN)/renamed \
	    --rename-section .text=faulty $< $@
$(FAULT_TESTS:=.o): $(FAULTS_IN)/%: $(BUILD)/tests/%
	$(Q)mkdir -p $(@D)
	$(Q)objcopy --redefine-sym \
	    _cmocka_run_group_tests=fault_run_group_tests $< $@
$(FAULT_TESTS): $(call objects,tests/faults/suite.c $(filter-out \
    $(TESTS:=.c),$(wildcard tests/*.c)))
$(FAULTS_IN)/network: $(call objects,tests/raw_server.c)
$(FAULT_PROGRAMS): %: %.o $(call objects,tests/faults/trial.c) $(INJECT) \
    $(filter %llm.a,$(FAULTY)) $(call library,mock_llm) \
    $(filter-out %llm.a,$(FAULTY))

$(JSON_PROGRAMS): LDLIBS = $(JSON_LIBS)
$(FULL_PROGRAMS): LDLIBS = $(LLM_LIBS)
$(TEST_PROGRAMS) $(FAULT_PROGRAMS): LDLIBS = $(TEST_LIBS)
$(PLAIN_PROGRAMS) $(JSON_PROGRAMS) $(FULL_PROGRAMS) $(TEST_PROGRAMS) $(FUZZED) \
    $(SOAKED) \
    $(CHAPTER) $(FAULT_PROGRAMS) $(JUDGE):
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(LINK) $(LDLIBS) -lpthread -lm

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/lib/*/*.d $(BUILD)/tests/*/*.d)

# ---- Targets with a number -------------------------------------------------

.PHONY: $(NUMBERED)
$(foreach it,$(LESSONS),$(eval $(call numbered,lesson,$(it)): $(BUILD)/$(it)))
$(foreach it,$(EXERCISES),$(eval $(call numbered,exercise,$(it)): $(BUILD)/$(it)))
$(foreach it,$(SOLUTIONS),$(eval $(call numbered,solution,$(it)): $(BUILD)/$(it)))

# make lesson3 TIMELINE=1 TRACE=out.json: the runtime's variables, for people
# who pass settings to make. Only from there: others may export a TRACE, too.
ifeq ($(origin TIMELINE),command line)
export ASYNC_TIMELINE = $(TIMELINE)
endif
ifeq ($(origin TRACE),command line)
export ASYNC_TRACE = $(TRACE)
endif

# exec, so that the program has the terminal, and Ctrl-C, to itself.
$(filter lesson% exercise% solution%,$(NUMBERED)):
	@exec $(UNDER) $< $(ARGS)

# A submission's name is its author's: value keeps make from expanding it.
quoted = '$(subst ','\'',$(value $1))'
VERIFY = exec $(UNDER) $(JUDGE) --build $(PARTS) --sanitized $(SANITIZED) \
    $(if $(value SUBMISSION),--submission $(call quoted,SUBMISSION)) \
    $(if $(value SEED),--seed $(call quoted,SEED)) $(ARGS)

$(filter verify%,$(NUMBERED)): $(JUDGE) judge_parts
	@$(VERIFY) --exercise $(@:verify%=%)

$(filter hint%,$(NUMBERED)):
	@tools/hint $(@:hint%=%) $(HINT)

$(filter reset%,$(NUMBERED)):
	@tools/reset $(@:reset%=%)

$(EXERCISES:=.c):
	@echo "$@ is missing: make $(call numbered,reset,$@) brings its skeleton." \
	    >&2; exit 1

# ---- Targets without a number ----------------------------------------------

.PHONY: advice help all kit verify verify-chapter test test-judge mutants fuzz \
    faults test-runtime test-matrix test-aarch64 coverage test-coverage soak \
    soak-network \
    mock bench bench-http bench-mock clean format lint skeletons compile_commands.json

advice:
	@echo 'make lesson1   runs the first lesson'
	@echo 'make verify1   grades the first exercise'
	@echo 'make help      lists everything'

help:
	@tools/help

# A student's unfinished exercise does not keep the kit from being tested.
kit: $(filter-out $(BUILD)/exercises/%,$(PLAIN_PROGRAMS) $(JSON_PROGRAMS) \
    $(FULL_PROGRAMS)) \
    $(TEST_PROGRAMS) $(FUZZED) $(CHAPTER) $(JUDGE) judge_parts
all: kit $(EXERCISES:%=$(BUILD)/%)

verify: $(JUDGE) judge_parts
	@$(VERIFY)

# The chapter's own tests, and what they do not catch.
verify-chapter: $(BUILD)/tests/chapter/test_async_await
	@exec $(UNDER) $<

# What docs/errata.md says, measured.
.PHONY: errata
errata: $(BUILD)/tests/chapter/errata
	@exec $(UNDER) $<

.PHONY: quiz
quiz:
	@tools/quiz $(ARGS)

# The kit's pages as an HTML site. These lessons are run for its pictures; 13
# computes, and its page's own picture is from a machine that was idle.
.PHONY: book
TIMELINES := $(foreach number,03 05 08 09 10 11 14 15 16 17,\
    $(filter $(BUILD)/lessons/$(number)_%,$(LESSONS:%=$(BUILD)/%)))
book: $(TIMELINES)
	@tools/book $(or $(BOOK),build/book) $^

# What the judge links a submission with, whatever the judge's own variant: plain
# parts, and for some checks sanitized ones; without those they are left out.
.PHONY: parts judge_parts
parts: $(RUNTIME) $(DRIVERS) $(if $(JSON_LIBS),$(BUILD)/packages) $(WEB_PARTS)
	@:
judge_parts: parts
ifneq ($(BUILD),$(PARTS))
	@$(MAKE) --no-print-directory SANITIZE= parts
endif
ifneq ($(BUILD),$(SANITIZED))
	@$(MAKE) --no-print-directory SANITIZE=1 parts 2>/dev/null || \
	    echo '$(CC) has no AddressSanitizer here.'
endif

# T=test_sleep, T='test_*', T='*.sh': only these. Scripts use the whole kit.
PATTERNS := $(subst *,%,$(notdir $(or $(T),*)))
PICKED := $(filter $(PATTERNS) $(PATTERNS:=.c) $(PATTERNS:=.sh),\
    $(notdir $(TESTS:=.c) $(SCRIPTS)))
PICKED_PROGRAMS := $(patsubst %.c,$(BUILD)/tests/%,$(filter %.c,$(PICKED)))
PICKED_SCRIPTS := $(patsubst %,tests/%,$(filter %.sh,$(PICKED)))

test: $(PICKED_PROGRAMS) $(if $(PICKED_SCRIPTS),kit)
	$(if $(PICKED),,$(error There is no test $(T); there is \
	    $(notdir $(TESTS) $(SCRIPTS:.sh=))))
	@BUILD=$(BUILD) PARTS=$(PARTS) SANITIZED=$(SANITIZED) UNDER='$(UNDER)' \
	    tests/run $(PICKED_PROGRAMS) $(PICKED_SCRIPTS)

# The tests of the runtime alone.
test-runtime: $(RUNTIME_TEST_PROGRAMS)
	@BUILD=$(BUILD) UNDER='$(UNDER)' tests/run $^

# The same, as other compilers make it, and on another processor.
test-matrix test-aarch64: build/deps-test.mk
	@tools/$@

# How much of the runtime they run.
coverage: build/deps-test.mk
	@tools/coverage

test-coverage: $(RUNTIME_TEST_PROGRAMS) $(FUZZED)
	@BUILD=$(BUILD) tests/run $(RUNTIME_TEST_PROGRAMS) tests/test_fuzz.sh

# Random programs, on the runtime and on CPython: see tests/fuzz/fuzz.py.
PYTHON ?= $(or $(shell command -v python3.11),python3)
fuzz: $(FUZZED)
	@tools/install-deps python
	@exec $(PYTHON) -B tests/fuzz/fuzz.py $(FUZZED) --keep \
	    --seed $(or $(SEED),1) --count $(or $(N),10000)

# Random load, on the runtime or on the client and the mock server: ten minutes
# of it; SOAK=60: seconds. ROUNDS=1000: so much.
soak: $(SOAKED)
	@exec $(UNDER) $< $(or $(ROUNDS),$(or $(SOAK),600)s) $(SEED)
soak-network: $(SOAKED_NETWORK)
	@exec $(UNDER) $< $(or $(ROUNDS),$(or $(SOAK),600)s) $(SEED)

# Everything under faults (a quarter of an hour on two processors), or
# T='runtime test_llm*': see tests/faults/trial.h.
# Only LeakSanitizer can tell what has leaked.
PICKED_FAULTS := $(addprefix $(FAULTS_IN)/,$(filter $(PATTERNS),\
    $(notdir $(FAULT_PROGRAMS))))
faults: $(if $(SANITIZERS),$(PICKED_FAULTS))
ifeq ($(SANITIZERS),)
	@$(MAKE) --no-print-directory SANITIZE=1 faults
else
	@tests/faults/run $(PICKED_FAULTS)
endif

# Takes about an hour; tools/test-judge says how to have less, or more.
test-judge: $(JUDGE) judge_parts
	@BUILD=$(BUILD) PARTS=$(PARTS) SANITIZED=$(SANITIZED) \
	    SEEDS=$(SEEDS) SOLUTION_SEEDS=$(SOLUTION_SEEDS) \
	    FAIRNESS=$(FAIRNESS) tools/test-judge

# What the judge says of each wrong program; after changing one, or a grader.
mutants: $(JUDGE) judge_parts
	@BUILD=$(BUILD) PARTS=$(PARTS) SANITIZED=$(SANITIZED) tools/mutants \
	    > $(BUILD)/mutants.md && mv $(BUILD)/mutants.md verify/mutants/README.md

mock: $(BUILD)/bin/mock_llm
	@exec $(UNDER) $< $(ARGS)

# The runtime beside others. ROUNDS=9: more of them; CASES='switch sleep': only
# these; SCALE=0.01: with a hundredth of the operations.
bench: $(BENCHES:%=$(BUILD)/%)
	@tools/install-deps python
	@exec python3 -B bench/compare.py $(BUILD)/bench/runtime \
	    $(addprefix --rounds ,$(ROUNDS)) $(addprefix --scale ,$(SCALE)) \
	    $(if $(CASES),--cases '$(CASES)')

# The same for the client, beside libcurl alone, Go, aiohttp and OpenAI's own.
bench-http: $(BUILD)/bench/http $(BUILD)/bin/mock_llm
	@tools/install-deps python
	@exec python3 -B bench/compare.py $< --server $(BUILD)/bin/mock_llm \
	    $(addprefix --rounds ,$(ROUNDS)) $(addprefix --scale ,$(SCALE)) \
	    $(if $(CASES),--cases '$(CASES)')

bench-mock: $(BUILD)/bench/mock_llm $(BUILD)/bin/mock_llm
	@exec $^

clean:
	$(Q)rm -rf build compile_commands.json

.PHONY: vocab
vocab:
	@tools/fetch-vocab

# Attacks on the judge, some of which are no C, are left as they are; mutants are
# wrong on purpose.
C_FILES := $(wildcard $(foreach folder,lib/* lessons exercises solutions verify \
    verify/server bench bench/peers tests/fuzz tests/chapter tests/coverage \
    tests/faults tests/soak \
    verify/alternatives/* verify/mutants/* tests,$(folder)/*.c $(folder)/*.h))
SHELL_FILES := $(filter-out %/skeletons %.py %.html %.css %.lua,$(wildcard tools/*)) tests/run \
    $(wildcard tests/*.bash) $(SCRIPTS) .ci/run tests/faults/run \
    bench/instructions \
    $(addprefix tests/npm_clients/,install clients.sh peer)

format:
	@tools/install-deps format
	$(Q)clang-format -i $(C_FILES)

# -U: cppcheck 2.10 knows that __has_include is there, but not how to read it.
lint:
	@tools/install-deps lint
	$(call say,clang-format)
	$(Q)clang-format --dry-run -Werror $(C_FILES)
	$(call say,cppcheck)
	$(Q)cppcheck -q --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --error-exitcode=1 -Ilib -Iexercises -U__has_include \
	    $(filter-out verify/mutants/%,$(filter %.c,$(C_FILES)))
	$(call say,shellcheck)
	$(Q)shellcheck $(SHELL_FILES)

# The copies that make resetN restores; for whoever changes an exercise.
skeletons:
	$(Q)mkdir -p tools/skeletons
	$(Q)cp -p $(EXERCISES:=.c) tools/skeletons

compile_commands.json:
	$(call say,GEN,$@)
	@printf '%s\n' $(filter %.c,$(C_FILES)) | awk -v dir='$(CURDIR)' \
	    -v command='$(COMPILE) $(PACKAGE_CFLAGS)' '{ \
	        printf "%s{\"directory\": \"%s\", \"file\": \"%s\", ", \
	            NR == 1 ? "[\n" : ",\n", dir, $$0; \
	        printf "\"command\": \"%s -c %s\"}", command, $$0 } \
	    END { print "\n]" }' > $@

.DEFAULT:
	@echo "There is no '$@', and nothing that makes it: see make help." >&2; \
	    exit 1
