package process

import (
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// group is a job object that is killed when its last handle closes: when we
// close it, or when the system does because this process died. An engine that
// starts a child in the instant before it is put into the job loses track of it.
type group struct {
	mu    sync.Mutex
	job   windows.Handle
	ended bool
}

func newGroup() (*group, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("making a job object: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
		},
	}
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err != nil {
		windows.CloseHandle(job)
		return nil, fmt.Errorf("limiting a job object: %w", err)
	}
	return &group{job: job}, nil
}

// start runs cmd inside the job, without a console of its own and out of reach
// of Ctrl-C.
func (g *group) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid))
	if err == nil {
		err = windows.AssignProcessToJobObject(g.job, h)
		windows.CloseHandle(h)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return fmt.Errorf("putting it into a job object: %w", err)
	}
	return nil
}

// kill kills everything in the job.
func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.ended {
		_ = windows.TerminateJobObject(g.job, 1)
	}
}

// end kills what is left and closes the job.
func (g *group) end() {
	g.kill()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	windows.CloseHandle(g.job)
}

// apply reports limits that this system does not have.
func (l Limits) apply(*exec.Cmd) error {
	if l.Memory > 0 || l.CPUTime > 0 {
		return errors.New("limits of memory and processor time are not supported on this system")
	}
	return nil
}
