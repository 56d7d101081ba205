# gdb-async.py - shows gdb the tasks that are suspended.
#
#     gdb -x tools/gdb-async.py build/lessons/03_gather
#
# A task that runs has an ordinary backtrace. A suspended one has no thread, so
# gdb does not see it: its frames lie on a stack of their own, and where they
# were left stands in its record. So we hold an unwinder ready which tells gdb
# that the thread's youngest frame, #0, was called from there. Nothing of the
# program is changed, and a core file is as good as a process.
#
#     async tasks      all tasks: what each waits for, and where
#     async bt [N]     the backtrace of task N; without N, of every task
#     async task N     from now on, bt, up and info locals look at task N, in
#                      frames #1 and on; async task, or going on, ends that

import re

import gdb
import gdb.unwinder

# By what gdb calls the machine: what a context keeps in stack_pointer,
# frame_pointer and next_instruction.
REGISTERS = {
    "i386:x86-64": ("rsp", "rbp", "rip"),
    "aarch64": ("sp", "x29", "pc"),
}
FIELDS = ("stack_pointer", "frame_pointer", "next_instruction")


def registers_of(task):
    """Those that lie in FIELDS of the task's context."""
    found = REGISTERS.get(gdb.newest_frame().architecture().name())
    fields = [field.name for field in task["context"].type.fields()]
    if not found or FIELDS[0] not in fields:
        raise gdb.GdbError(
            "Suspended tasks cannot be seen where ucontext switches."
        )
    return found


class Unwinder(gdb.unwinder.Unwinder):
    """Idle while task is None."""

    def __init__(self):
        super().__init__("async tasks")
        self.task = None

    def look_at(self, task):
        self.task = None
        gdb.invalidate_cached_frames()
        if task is not None:
            self.registers = registers_of(task)
            self.thread_sp = self.stack_pointer(gdb.newest_frame())
            self.task = task
            gdb.invalidate_cached_frames()

    def stack_pointer(self, frame):
        return int(frame.read_register(self.registers[0]))

    def __call__(self, pending):
        if self.task is None or self.stack_pointer(pending) != self.thread_sp:
            return None
        # gdb wants a caller's frame to lie above: so this one lies at 1.
        info = pending.create_unwind_info(FrameId(1, self.task["serial"]))
        context = self.task["context"]
        word = gdb.lookup_type("unsigned long")
        for register, field in zip(self.registers, FIELDS):
            info.add_saved_register(register, context[field].cast(word))
        return info


class FrameId:
    def __init__(self, sp, pc):
        word = gdb.lookup_type("unsigned long")
        self.sp = gdb.Value(sp).cast(word)
        self.pc = gdb.Value(pc).cast(word)


unwinder = Unwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)
gdb.events.cont.connect(lambda event: unwinder.look_at(None))


def loop():
    """The loop of the selected thread."""
    try:
        found = gdb.parse_and_eval("async_loop")
    except gdb.error as error:
        raise gdb.GdbError("No tasks can be seen: %s" % error)
    if not found:
        raise gdb.GdbError("This thread is not in async_run.")
    return found


def tasks():
    """Parents before their children."""
    waiting = [loop()["main"]]
    while waiting:
        task = waiting.pop()
        if task:
            yield task
            waiting += [task["next_sibling"], task["first_child"]]


def task_numbered(number):
    for task in tasks():
        if str(task["number"]) == number:
            return task
    raise gdb.GdbError("There is no task %s: see async tasks." % number)


def text(value):
    return value.string() if value else ""


def what_it_does(task):
    state = str(task["state"])
    if state != "ASYNC_WAITING":
        return {
            "ASYNC_NEW": "has not begun",
            "ASYNC_RUNNING": "runs",
            "ASYNC_ENDED": "has ended",
        }.get(state, "has returned, its children have not")
    if not task["wait"]:
        return "can go on"
    awaited = task["wait"]["awaited"]
    return text(task["wait"]["what"]) + (
        " task %d" % awaited["number"] if awaited else ""
    )


def title(task):
    return "%-4d %-20s %s" % (
        task["number"],
        text(task["name"]),
        what_it_does(task),
    )


def frames(task):
    """What is to be said of the task's frames: gdb's own words."""
    if not task["stack"]:
        return ""
    if task == loop()["current"]:
        return gdb.execute("backtrace", to_string=True)
    unwinder.look_at(task)
    try:
        said = gdb.execute("backtrace", to_string=True)
    finally:
        unwinder.look_at(None)
    # Without #0, which is the thread's; the others move up.
    said = said[said.find("\n#1 ") + 1 :]
    return re.sub(
        "(?m)^#([0-9]+) +", lambda m: "#%-3d" % (int(m.group(1)) - 1), said
    )


class Async(gdb.Command):
    """Tasks of the runtime, also those that are suspended."""

    def __init__(self):
        super().__init__("async", gdb.COMMAND_STACK, prefix=True)


class Tasks(gdb.Command):
    """async tasks: all tasks, what each waits for, and where."""

    def __init__(self):
        super().__init__("async tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        print("  task function             what it does")
        for task in tasks():
            print(("* " if task == loop()["current"] else "  ") + title(task))
            if task["wait"] and task["place"]:
                print(" " * 7 + "at " + text(task["place"]))


class Backtrace(gdb.Command):
    """async bt [N]: the backtrace of task N; without N, of every task."""

    def __init__(self):
        super().__init__("async bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if argument:
            print(frames(task_numbered(argument)), end="")
            return
        for task in tasks():
            print("Task " + title(task))
            print(frames(task))


class Task(gdb.Command):
    """async task N: bt, up and info locals look at task N, in frames #1 and on.

    Without N, and once the program goes on, they look at the thread again."""

    def __init__(self):
        super().__init__("async task", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        unwinder.look_at(None)
        if not argument:
            return
        task = task_numbered(argument)
        if not task["stack"]:
            raise gdb.GdbError("Task %s %s." % (argument, what_it_does(task)))
        if task == loop()["current"]:
            raise gdb.GdbError("Task %s runs: bt shows it." % argument)
        unwinder.look_at(task)
        gdb.execute("frame 1")


Async()
Tasks()
Backtrace()
Task()
