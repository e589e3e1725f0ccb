@rem Builds the executables; see docs/BUILDING.md.
@setlocal
@where py >nul 2>nul && (set PYTHON=py -3) || (set PYTHON=python)
@%PYTHON% "%~dp0build.py" %*
@set CODE=%ERRORLEVEL%
@if "%~1"=="" pause
@exit /b %CODE%
